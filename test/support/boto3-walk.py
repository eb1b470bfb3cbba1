"""Walks through every operation with Debian's boto3. Run by test/e2e/boto3.test.ts, which checks what it prints: JSON with
the operations that were called, and with a public key, a message and its signature.

Endpoint, Region and credentials come from the environment, and AWS_ENDPOINT_URL from there too: this boto3 does not read it.
"""

import base64
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

config = Config(retries={"total_max_attempts": 1})
kms = boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=config)
called = set()
kms.meta.events.register("before-call.kms.*", lambda model, **_: called.add(model.name))


def refused(code, call, **arguments):
    """The message of an error that has to have this code."""
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        assert answer["Error"]["Code"] == code, answer["Error"]
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400, answer["ResponseMetadata"]
        # Modelled exceptions come as the class of that name.
        assert type(error).__name__ in (code, "ClientError"), type(error)
        return answer["Error"].get("Message", "")
    raise AssertionError(f"not refused with {code}")


def create(**arguments):
    return kms.create_key(**arguments)["KeyMetadata"]


def pages(operation, member, **arguments):
    """Everything, by the paginator, one item a page."""
    paginator = kms.get_paginator(operation)
    got = paginator.paginate(**arguments, PaginationConfig={"PageSize": 1})
    return [item for page in got for item in page[member]]


def encryption():
    key, other = create(Description="from boto3"), create()
    key_id, arn = key["KeyId"], key["Arn"]
    assert key["CreationDate"].tzinfo is not None
    assert kms.describe_key(KeyId=arn)["KeyMetadata"]["Description"] == "from boto3"
    assert {row["KeyId"] for row in pages("list_keys", "Keys")} == {key_id, other["KeyId"]}

    context = {"a": "1", "ü": "2"}
    sealed = kms.encrypt(KeyId=key_id, Plaintext=b"text", EncryptionContext=context)
    blob = sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"text", arn)
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=blob)
    refused(
        "IncorrectKeyException",
        kms.decrypt,
        CiphertextBlob=blob,
        EncryptionContext=context,
        KeyId=other["KeyId"],
    )
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=context,
        DestinationKeyId=other["KeyId"],
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn, other["Arn"])
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"text"

    data_key = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    hidden = kms.generate_data_key_without_plaintext(KeyId=key_id, NumberOfBytes=24)
    assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 24
    assert len(kms.generate_random(NumberOfBytes=7)["Plaintext"]) == 7

    pair = kms.generate_data_key_pair(KeyId=key_id, KeyPairSpec="RSA_2048")
    private = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert private == pair["PrivateKeyPlaintext"]
    pair = kms.generate_data_key_pair_without_plaintext(KeyId=key_id, KeyPairSpec="ECC_NIST_P384")
    assert "PrivateKeyPlaintext" not in pair
    assert pair["PublicKey"][-97:] in kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"]

    rsa = create(KeySpec="RSA_3072", KeyUsage="ENCRYPT_DECRYPT")["KeyId"]
    algorithm = {"KeyId": rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}
    blob = kms.encrypt(Plaintext=b"x" * 342, **algorithm)["CiphertextBlob"]
    assert len(blob) == 384
    assert kms.decrypt(CiphertextBlob=blob, **algorithm)["Plaintext"] == b"x" * 342

    kms.disable_key(KeyId=key_id)
    assert refused("DisabledException", kms.encrypt, KeyId=key_id, Plaintext=b"x") == f"{arn} is disabled."
    kms.enable_key(KeyId=key_id)


def signatures():
    message = bytes(range(256)) * 16
    key_id = create(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyId"]
    given = {"KeyId": key_id, "Message": message, "SigningAlgorithm": "ECDSA_SHA_384"}
    signature = kms.sign(**given)["Signature"]
    assert kms.verify(**given, Signature=signature)["SignatureValid"] is True
    refused("KMSInvalidSignatureException", kms.verify, **given, Signature=signature[:-1])
    public = kms.get_public_key(KeyId=key_id)
    assert public["SigningAlgorithms"] == ["ECDSA_SHA_384"]
    digest = {**given, "Message": b"\x00" * 47, "MessageType": "DIGEST"}
    refused("ValidationException", kms.sign, **digest)

    mac_key = create(KeySpec="HMAC_512", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
    given = {"KeyId": mac_key, "Message": message, "MacAlgorithm": "HMAC_SHA_512"}
    mac = kms.generate_mac(**given)["Mac"]
    assert len(mac) == 64
    assert kms.verify_mac(**given, Mac=mac)["MacValid"] is True
    refused("KMSInvalidMacException", kms.verify_mac, **given, Mac=mac[:-1] + bytes([mac[-1] ^ 1]))
    refused("InvalidKeyUsageException", kms.encrypt, KeyId=mac_key, Plaintext=b"x")
    parts = {"publicKey": public["PublicKey"], "message": message, "signature": signature}
    return {name: base64.b64encode(value).decode() for name, value in parts.items()}


def management():
    first = create(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    second = create()
    key_id = first["KeyId"]
    for name in ("alias/boto3", "alias/boto3/2"):
        kms.create_alias(AliasName=name, TargetKeyId=key_id)
    refused("AlreadyExistsException", kms.create_alias, AliasName="alias/boto3", TargetKeyId=key_id)
    names = [row["AliasName"] for row in pages("list_aliases", "Aliases", KeyId=key_id)]
    assert names == ["alias/boto3", "alias/boto3/2"], names
    kms.update_alias(AliasName="alias/boto3", TargetKeyId=second["KeyId"])
    assert kms.encrypt(KeyId="alias/boto3", Plaintext=b"x")["KeyId"] == second["Arn"]
    kms.delete_alias(AliasName="alias/boto3")
    refused("NotFoundException", kms.delete_alias, AliasName="alias/boto3")

    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "c", "TagValue": ""}])
    kms.untag_resource(KeyId=key_id, TagKeys=["a", "no such"])
    tags = {tag["TagKey"]: tag["TagValue"] for tag in pages("list_resource_tags", "Tags", KeyId=key_id)}
    assert tags == {"b": "2", "c": ""}, tags
    kms.update_key_description(KeyId=key_id, Description="other")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == "other"

    assert pages("list_key_policies", "PolicyNames", KeyId=key_id) == ["default"]
    policy = json.loads(kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])
    written = json.dumps({**policy, "Id": "from boto3"})
    kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=written)
    assert kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"] == written
    refused(
        "MalformedPolicyDocumentException",
        kms.put_key_policy,
        KeyId=key_id,
        PolicyName="default",
        Policy="[]",
    )

    scheduled = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert scheduled["KeyState"] == "PendingDeletion"
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert metadata["DeletionDate"] == scheduled["DeletionDate"]
    message = refused("KMSInvalidStateException", kms.encrypt, KeyId=key_id, Plaintext=b"x")
    assert message == f"{first['Arn']} is pending deletion."
    assert kms.cancel_key_deletion(KeyId=key_id)["KeyId"] == first["Arn"]
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"


encryption()
signed = signatures()
management()
print(json.dumps({"version": boto3.__version__, "operations": sorted(called), "signed": signed}))
