// cryptoki_fuzzer: a program that calls C_* functions in any order, with handles of its own and
// with invented ones, templates of any attributes, and mechanisms whose parameters hold any bytes
// where the structures let them. Every answer is a code of the table, and none that says the token
// is broken; no output shows the key that may not be shown; no call writes behind its buffer.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "fuzz/device.h"

namespace {

using namespace strongroom;
using namespace strongroom::fuzz;

constexpr std::size_t kCallsMax = 40;
constexpr std::size_t kBytesMax = 200;
constexpr std::size_t kAttributesMax = 8;
constexpr std::size_t kOutputMax = 600;

// CKF_ARRAY_ATTRIBUTE (4.4): the value is an array of attributes, with pointers.
constexpr CK_ATTRIBUTE_TYPE kArrayAttribute = 0x40000000;

using ByteString = std::vector<CK_BYTE>;

CK_FUNCTION_LIST_3_2& c() { return *cryptoki::function_list(); }

constexpr CK_ATTRIBUTE_TYPE kFlags[] = {CKA_TOKEN,       CKA_PRIVATE,          CKA_SENSITIVE,
                                        CKA_EXTRACTABLE, CKA_ENCRYPT,          CKA_DECRYPT,
                                        CKA_WRAP,        CKA_UNWRAP,           CKA_SIGN,
                                        CKA_VERIFY,      CKA_DERIVE,           CKA_MODIFIABLE,
                                        CKA_COPYABLE,    CKA_DESTROYABLE,      CKA_TRUSTED,
                                        CKA_LOCAL,       CKA_WRAP_WITH_TRUSTED};
constexpr CK_ATTRIBUTE_TYPE kNumbers[] = {CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE_LEN, CKA_MODULUS_BITS,
                                          CKA_KEY_GEN_MECHANISM};
constexpr CK_ATTRIBUTE_TYPE kStrings[] = {CKA_LABEL,
                                          CKA_ID,
                                          CKA_VALUE,
                                          CKA_APPLICATION,
                                          CKA_SUBJECT,
                                          CKA_EC_PARAMS,
                                          CKA_MODULUS,
                                          CKA_EC_POINT,
                                          CKA_MODULUS,
                                          CKA_START_DATE,
                                          CKA_ALLOWED_MECHANISMS,
                                          CKA_UNIQUE_ID,
                                          CKA_CHECK_VALUE,
                                          CKA_PUBLIC_KEY_INFO};
constexpr CK_BYTE kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

class Program {
 public:
  explicit Program(FuzzedDataProvider& input) : input_(input) {
    SR_FUNCTION_LIST& sr = *cryptoki::vendor_list();
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    require(sr.SR_OpenApplication(device_.device(), attach_id, &application_) == CKR_OK,
            "an application opens");
    CK_ULONG count = 0;
    require(c().C_GetMechanismList(device_.slot(), nullptr, &count) == CKR_OK, "mechanisms");
    mechanisms_.resize(count);
    require(c().C_GetMechanismList(device_.slot(), mechanisms_.data(), &count) == CKR_OK,
            "mechanisms");
    open_session();
    require(c().C_Login(sessions_[0], CKU_USER, utf8(kUserPin), sizeof kUserPin - 1) == CKR_OK,
            "the user logs in");
    objects_.push_back(create_needle(sessions_[0]));
  }

  void run() {
    for (std::size_t i = 0; i < kCallsMax && input_.remaining_bytes() > 0; ++i) {
      const CK_RV rv = call();
      require(rv != CKR_GENERAL_ERROR && rv != CKR_DEVICE_ERROR && rv != CKR_FUNCTION_FAILED &&
                  rv != CKR_DEVICE_REMOVED && rv != CKR_FIPS_SELF_TEST_FAILED,
              "nothing that a program does breaks the token");
      released_.clear();
    }
  }

 private:
  // ---- what a call is given ----

  CK_SESSION_HANDLE session() {
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, sessions_.size());
    return at < sessions_.size() ? sessions_[at] : input_.ConsumeIntegral<CK_ULONG>();
  }
  CK_OBJECT_HANDLE object() {
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, objects_.size());
    return at < objects_.size() ? objects_[at] : input_.ConsumeIntegral<CK_ULONG>();
  }
  // Lives until the end of the call.
  ByteString& bytes(std::size_t longest = kBytesMax) {
    return released_.emplace_back(
        input_.ConsumeBytes<CK_BYTE>(input_.ConsumeIntegralInRange<std::size_t>(0, longest)));
  }
  template <class T>
  T* keep(const T& value) {
    ByteString& place = released_.emplace_back(sizeof value);
    std::memcpy(place.data(), &value, sizeof value);
    return reinterpret_cast<T*>(place.data());
  }

  CK_ATTRIBUTE attribute() {
    switch (input_.ConsumeIntegralInRange(0, 4)) {
      case 0:
      case 1:
        return {input_.PickValueInArray(kFlags),
                keep<CK_BBOOL>(input_.ConsumeBool() ? CK_TRUE : CK_FALSE), sizeof(CK_BBOOL)};
      case 2:
        return {input_.PickValueInArray(kNumbers),
                keep(input_.ConsumeIntegralInRange<CK_ULONG>(0, 64)), sizeof(CK_ULONG)};
      case 3: {
        if (input_.ConsumeBool()) return {CKA_EC_PARAMS, keep(kP256), sizeof kP256};
        ByteString& value = bytes();
        return {input_.PickValueInArray(kStrings), value.data(), value.size()};
      }
      default: {
        ByteString& value = bytes(16);
        return {input_.ConsumeIntegral<CK_ATTRIBUTE_TYPE>() & ~kArrayAttribute, value.data(),
                value.size()};
      }
    }
  }
  std::vector<CK_ATTRIBUTE> attributes() {
    std::vector<CK_ATTRIBUTE> list(input_.ConsumeIntegralInRange<std::size_t>(0, kAttributesMax));
    for (CK_ATTRIBUTE& each : list) each = attribute();
    // One level of nesting.
    if (input_.ConsumeBool() && !list.empty()) {
      ByteString& nested = released_.emplace_back(sizeof(CK_ATTRIBUTE));
      const CK_ATTRIBUTE inner = attribute();
      std::memcpy(nested.data(), &inner, sizeof inner);
      list.back() = {input_.ConsumeBool() ? CKA_UNWRAP_TEMPLATE : CKA_WRAP_TEMPLATE, nested.data(),
                     nested.size()};
    }
    return list;
  }

  // Bytes behind a pointer that has no length beside it.
  ByteString& fixed(std::size_t length) {
    ByteString& room = bytes(length);
    room.resize(length);
    return room;
  }
  CK_RSA_PKCS_OAEP_PARAMS oaep() {
    ByteString& label = bytes(20);
    return {input_.ConsumeBool() ? CKM_SHA256 : input_.ConsumeIntegral<CK_ULONG>(),
            input_.ConsumeBool() ? CKG_MGF1_SHA256 : input_.ConsumeIntegral<CK_ULONG>(),
            CKZ_DATA_SPECIFIED, label.data(), label.size()};
  }

  // The parameter of one message of GCM; IV and tag have room for what its lengths say.
  CK_GCM_MESSAGE_PARAMS message() {
    const auto iv_length = input_.ConsumeIntegralInRange<CK_ULONG>(0, 20);
    const auto tag_bits = input_.ConsumeIntegralInRange<CK_ULONG>(0, 16) * 8;
    return {fixed(iv_length).data(),
            iv_length,
            input_.ConsumeIntegralInRange<CK_ULONG>(0, 170),
            input_.ConsumeIntegralInRange<CK_GENERATOR_FUNCTION>(0, 5),
            fixed(16).data(),
            tag_bits};
  }
  // Begins, continues or gives one message, and ends the operation now and then.
  CK_RV message_work(bool encrypts) {
    CK_GCM_MESSAGE_PARAMS parameters = message();
    ByteString& data = bytes();
    switch (input_.ConsumeIntegralInRange(0, 4)) {
      case 0:
        return init(encrypts ? c().C_MessageEncryptInit : c().C_MessageDecryptInit);
      case 1:
        return (encrypts ? c().C_EncryptMessageBegin : c().C_DecryptMessageBegin)(
            session(), &parameters, sizeof parameters, data.data(), data.size());
      case 2: {
        Output out = output();
        const CK_RV rv = (encrypts ? c().C_EncryptMessageNext : c().C_DecryptMessageNext)(
            session(), &parameters, sizeof parameters, data.data(), data.size(), out.pointer,
            &out.length, input_.ConsumeBool() ? CKF_END_OF_MESSAGE : 0);
        return shown(rv, out);
      }
      case 3: {
        Output out = output();
        const CK_RV rv = (encrypts ? c().C_EncryptMessage : c().C_DecryptMessage)(
            session(), &parameters, sizeof parameters, data.data(), data.size(), data.data(),
            data.size(), out.pointer, &out.length);
        return shown(rv, out);
      }
      default:
        return (encrypts ? c().C_MessageEncryptFinal : c().C_MessageDecryptFinal)(session());
    }
  }

  // Structures with pointers get right ones; everything else gets any bytes, or nothing.
  CK_MECHANISM mechanism() {
    const auto at = input_.ConsumeIntegralInRange<std::size_t>(0, mechanisms_.size());
    const CK_MECHANISM_TYPE type =
        at < mechanisms_.size() ? mechanisms_[at] : input_.ConsumeIntegral<CK_MECHANISM_TYPE>();
    switch (type) {
      case CKM_AES_GCM: {
        ByteString& iv = bytes(20);
        ByteString& aad = bytes(20);
        auto* parameters =
            keep(CK_GCM_PARAMS{iv.data(), iv.size(), 8 * iv.size(), aad.data(), aad.size(),
                               input_.ConsumeIntegralInRange<CK_ULONG>(0, 160)});
        return {type, parameters, sizeof *parameters};
      }
      case CKM_AES_CCM: {
        ByteString& nonce = bytes(16);
        ByteString& aad = bytes(20);
        auto* parameters = keep(CK_CCM_PARAMS{input_.ConsumeIntegralInRange<CK_ULONG>(0, 64),
                                              nonce.data(), nonce.size(), aad.data(), aad.size(),
                                              input_.ConsumeIntegralInRange<CK_ULONG>(0, 20)});
        return {type, parameters, sizeof *parameters};
      }
      case CKM_CHACHA20: {
        ByteString& room = fixed(32);
        auto* parameters =
            keep(CK_CHACHA20_PARAMS{room.data(), input_.PickValueInArray<CK_ULONG>({32, 64, 16}),
                                    room.data() + 8, input_.PickValueInArray<CK_ULONG>({96, 64})});
        return {type, parameters, sizeof *parameters};
      }
      case CKM_CHACHA20_POLY1305: {
        ByteString& nonce = fixed(12);
        ByteString& aad = bytes(20);
        auto* parameters = keep(CK_SALSA20_CHACHA20_POLY1305_PARAMS{
            nonce.data(), input_.PickValueInArray<CK_ULONG>({96, 12, 64}), aad.data(), aad.size()});
        return {type, parameters, sizeof *parameters};
      }
      case CKM_AES_CBC:
      case CKM_AES_CBC_PAD: {
        ByteString& iv = fixed(16);
        return {type, iv.data(), iv.size()};
      }
      case CKM_RSA_PKCS_OAEP: {
        auto* parameters = keep(oaep());
        return {type, parameters, sizeof *parameters};
      }
      case CKM_RSA_AES_KEY_WRAP: {
        auto* parameters = keep(CK_RSA_AES_KEY_WRAP_PARAMS{
            input_.PickValueInArray<CK_ULONG>({256, 192, 128, 64}), keep(oaep())});
        return {type, parameters, sizeof *parameters};
      }
      // What takes a number or a structure of numbers.
      case CKM_AES_CTR:
      case CKM_AES_KEY_WRAP:
      case CKM_AES_CMAC_GENERAL:
      case CKM_RSA_PKCS_PSS:
      case CKM_SHA256_RSA_PKCS_PSS:
      case CKM_SHA256_HMAC_GENERAL: {
        ByteString& numbers = bytes(24);
        return {type, numbers.data(), numbers.size()};
      }
      default:
        // A length is wrong for all that take a structure, so none is read through.
        if (!input_.ConsumeBool()) return {type, nullptr, 0};
        ByteString& odd = bytes(7);
        return {type, odd.data(), odd.size()};
    }
  }

  // ---- what a call gives ----

  // Room for an output: any length, on the heap's edge, so that a write behind it is seen.
  struct Output {
    ByteString room;
    CK_ULONG length;
    CK_BYTE_PTR pointer;
  };
  Output output() {
    Output out{ByteString(input_.ConsumeIntegralInRange<std::size_t>(0, kOutputMax)), 0, nullptr};
    out.length = out.room.size();
    out.pointer = input_.ConsumeBool() && !out.room.empty() ? out.room.data() : nullptr;
    return out;
  }
  CK_RV shown(CK_RV rv, const Output& out) {
    if (rv == CKR_OK && out.pointer != nullptr)
      require(out.length <= out.room.size(), "an output fits the room it was given");
    require_no_needle(out.room);
    return rv;
  }
  CK_RV made(CK_RV rv, CK_OBJECT_HANDLE handle) {
    if (rv == CKR_OK) objects_.push_back(handle);
    return rv;
  }

  CK_RV open_session() {
    CK_SESSION_HANDLE handle = 0;
    const CK_FLAGS flags =
        CKF_SERIAL_SESSION | (sessions_.empty() || input_.ConsumeBool() ? CKF_RW_SESSION : 0);
    const CK_RV rv =
        cryptoki::vendor_list()->SR_OpenSession(application_, device_.slot(), flags, &handle);
    if (rv == CKR_OK) sessions_.push_back(handle);
    return rv;
  }

  using Init = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
  using Work = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
  using Part = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG);
  using Last = CK_RV (*)(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);

  CK_RV init(Init function) {
    CK_MECHANISM how = mechanism();
    return function(session(), &how, object());
  }
  CK_RV work(Work function) {
    ByteString& data = bytes();
    Output out = output();
    return shown(function(session(), data.data(), data.size(), out.pointer, &out.length), out);
  }
  CK_RV part(Part function) {
    ByteString& data = bytes();
    return function(session(), data.data(), data.size());
  }
  CK_RV last(Last function) {
    Output out = output();
    return shown(function(session(), out.pointer, &out.length), out);
  }

  CK_RV call() {
    switch (input_.ConsumeIntegralInRange(0, 40)) {
      case 0:
        return sessions_.size() < 8 ? open_session() : CKR_OK;
      case 1:
        return c().C_CloseSession(session());
      case 2:
        return c().C_Logout(session());
      case 3: {
        const bool so = input_.ConsumeBool();
        return c().C_Login(session(), so ? CKU_SO : CKU_USER, utf8(so ? kSoPin : kUserPin),
                           so ? sizeof kSoPin - 1 : sizeof kUserPin - 1);
      }
      case 4:
      case 5: {
        auto list = attributes();
        CK_OBJECT_HANDLE handle = 0;
        const CK_RV rv = c().C_CreateObject(session(), list.data(), list.size(), &handle);
        return made(rv, handle);
      }
      case 6: {
        auto list = attributes();
        CK_OBJECT_HANDLE handle = 0;
        const CK_RV rv = c().C_CopyObject(session(), object(), list.data(), list.size(), &handle);
        return made(rv, handle);
      }
      case 7:
        return c().C_DestroyObject(session(), object());
      case 8: {
        CK_ULONG size = 0;
        return c().C_GetObjectSize(session(), object(), &size);
      }
      case 9: {
        Output out = output();
        CK_ATTRIBUTE wanted = attribute();
        wanted.pValue = out.pointer;
        wanted.ulValueLen = out.length;
        const CK_RV rv = c().C_GetAttributeValue(session(), object(), &wanted, 1);
        out.length = wanted.ulValueLen;
        return shown(rv, out);
      }
      case 10: {
        auto list = attributes();
        return c().C_SetAttributeValue(session(), object(), list.data(), list.size());
      }
      case 11: {
        auto list = attributes();
        return c().C_FindObjectsInit(session(), list.data(), list.size());
      }
      case 12: {
        CK_OBJECT_HANDLE found[4];
        CK_ULONG count = 0;
        const CK_RV rv = c().C_FindObjects(session(), found, std::size(found), &count);
        if (rv == CKR_OK) require(count <= std::size(found), "a search gives what was asked for");
        return rv;
      }
      case 13:
        return c().C_FindObjectsFinal(session());
      case 14:
      case 15: {
        CK_MECHANISM how = mechanism();
        auto list = attributes();
        CK_OBJECT_HANDLE handle = 0;
        const CK_RV rv = c().C_GenerateKey(session(), &how, list.data(), list.size(), &handle);
        return made(rv, handle);
      }
      case 16: {  // on a curve: primes take too long
        CK_MECHANISM how{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
        auto shown_half = attributes();
        shown_half.push_back({CKA_EC_PARAMS, keep(kP256), sizeof kP256});
        auto hidden_half = attributes();
        CK_OBJECT_HANDLE public_key = 0;
        CK_OBJECT_HANDLE private_key = 0;
        const CK_RV rv = c().C_GenerateKeyPair(session(), &how, shown_half.data(),
                                               shown_half.size(), hidden_half.data(),
                                               hidden_half.size(), &public_key, &private_key);
        made(rv, public_key);
        return made(rv, private_key);
      }
      case 17: {
        CK_MECHANISM how = mechanism();
        Output out = output();
        return shown(c().C_WrapKey(session(), &how, object(), object(), out.pointer, &out.length),
                     out);
      }
      case 18: {
        CK_MECHANISM how = mechanism();
        ByteString& wrapped = bytes();
        auto list = attributes();
        CK_OBJECT_HANDLE handle = 0;
        const CK_RV rv = c().C_UnwrapKey(session(), &how, object(), wrapped.data(), wrapped.size(),
                                         list.data(), list.size(), &handle);
        return made(rv, handle);
      }
      case 19: {
        CK_MECHANISM how = mechanism();
        auto list = attributes();
        CK_OBJECT_HANDLE handle = 0;
        const CK_RV rv =
            c().C_DeriveKey(session(), &how, object(), list.data(), list.size(), &handle);
        return made(rv, handle);
      }
      case 20:
        return init(c().C_EncryptInit);
      case 21:
        return work(c().C_Encrypt);
      case 22:
        return work(c().C_EncryptUpdate);
      case 23:
        return last(c().C_EncryptFinal);
      case 24:
        return init(c().C_DecryptInit);
      case 25:
        return work(c().C_Decrypt);
      case 26:
        return work(c().C_DecryptUpdate);
      case 27:
        return last(c().C_DecryptFinal);
      case 28:
        return init(c().C_SignInit);
      case 29:
        return work(c().C_Sign);
      case 30:
        return part(c().C_SignUpdate);
      case 31:
        return last(c().C_SignFinal);
      case 32:
        return init(c().C_VerifyInit);
      case 33: {
        ByteString& data = bytes();
        ByteString& signature = bytes();
        return c().C_Verify(session(), data.data(), data.size(), signature.data(),
                            signature.size());
      }
      case 34: {
        CK_MECHANISM how = mechanism();
        return c().C_DigestInit(session(), &how);
      }
      case 35:
        return input_.ConsumeBool() ? work(c().C_Digest) : last(c().C_DigestFinal);
      case 36:
        return input_.ConsumeBool() ? part(c().C_DigestUpdate)
                                    : c().C_DigestKey(session(), object());
      case 37:
        return message_work(true);
      case 38:
        return message_work(false);
      case 39:
        return c().C_SessionCancel(session(), input_.ConsumeIntegral<CK_FLAGS>());
      default: {
        ByteString& pin = bytes(12);
        return c().C_SetPIN(session(), utf8(kUserPin), sizeof kUserPin - 1, pin.data(), pin.size());
      }
    }
  }

  FuzzedDataProvider& input_;
  MemoryDevice device_;
  SR_APPLICATION application_ = 0;
  std::vector<CK_MECHANISM_TYPE> mechanisms_;
  std::vector<CK_SESSION_HANDLE> sessions_;
  std::vector<CK_OBJECT_HANDLE> objects_;
  std::deque<ByteString> released_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  Program(input).run();
  return 0;
}
