// The dispatcher over somebody else's function list: SoftHSM2, version 2.40, one application, no
// vendor interface. Shows that nothing in native/frame leans on our own token.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "test/frame_builder.h"

namespace strongroom::frame::test {
namespace {

constexpr char kLibrary[] = "/usr/lib/softhsm/libsofthsm2.so";

std::uint16_t command(const char* name) {
  for (const Row& row : kRows) {
    if (std::string(row.name) == name) return row.number;
  }
  ADD_FAILURE() << "no command " << name;
  return 0;
}

class SoftHsm : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kLibrary)) {
      const char* required = getenv("STRONGROOM_REQUIRE_TOOLS");
      if (required != nullptr && *required == '1')
        FAIL() << "SoftHSM2 is not installed (package softhsm2)";
      GTEST_SKIP() << "unavailable: SoftHSM2 is not installed (package softhsm2)";
    }
    directory_ = std::filesystem::temp_directory_path() /
                 ("strongroom-softhsm-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_ / "tokens");
    std::ofstream(directory_ / "softhsm2.conf")
        << "directories.tokendir = " << (directory_ / "tokens").string()
        << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    setenv("SOFTHSM2_CONF", (directory_ / "softhsm2.conf").c_str(), 1);
    library_ = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << dlerror();
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library_, "C_GetFunctionList"));
    ASSERT_NE(get, nullptr);
    ASSERT_EQ(get(&list_), CKR_OK);
    ASSERT_EQ(list_->version.major, 2);
    ASSERT_EQ(list_->C_Initialize(nullptr), CKR_OK);
    module_ = std::make_unique<Module>(list_);
    client_ = Attachment::sole(*module_);
  }

  void TearDown() override {
    client_.reset();
    // The library stays loaded: its static destructors and those of OpenSSL do not agree on an
    // order.
    if (list_ != nullptr) list_->C_Finalize(nullptr);
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  Response call(const char* name, std::uint64_t session, const Body& body) {
    return send(*client_, frame(command(name), session, body.get()));
  }

  std::uint64_t logged_in_session() {
    slot_ = call("GetSlotList", 0, Body().u32(1)).u64(4);
    EXPECT_EQ(call("InitToken", 0, Body().u64(slot_).text("12345678").text("peer")).status(),
              CKR_OK);
    // SoftHSM2 moves an initialised token to another slot number.
    const Response slots = call("GetSlotList", 0, Body().u32(1));
    for (std::size_t i = 0; i < slots.u32(); ++i) {
      const std::uint64_t slot = slots.u64(4 + 8 * i);
      if (call("GetTokenInfo", 0, Body().u64(slot)).bytes() == label()) slot_ = slot;
    }
    const auto open = Body().u64(slot_).u64(CKF_SERIAL_SESSION | CKF_RW_SESSION);
    const std::uint64_t session = call("OpenSession", 0, open).u64();
    EXPECT_EQ(call("Login", session, Body().u32(CKU_SO).text("12345678")).status(), CKR_OK);
    EXPECT_EQ(call("InitPIN", session, Body().text("1234")).status(), CKR_OK);
    EXPECT_EQ(call("Logout", session, Body()).status(), CKR_OK);
    EXPECT_EQ(call("Login", session, Body().u32(CKU_USER).text("wrong")).status(),
              CKR_PIN_INCORRECT);
    EXPECT_EQ(call("Login", session, Body().u32(CKU_USER).text("1234")).status(), CKR_OK);
    return session;
  }

  static Buffer label() {
    Buffer text(32, ' ');
    std::memcpy(text.data(), "peer", 4);
    return text;
  }

  std::filesystem::path directory_;
  void* library_ = nullptr;
  CK_FUNCTION_LIST* list_ = nullptr;
  std::unique_ptr<Module> module_;
  std::unique_ptr<Attachment> client_;
  std::uint64_t slot_ = 0;
};

TEST_F(SoftHsm, DoesTheSameWork) {
  const std::uint64_t session = logged_in_session();
  const Body aes = Body()
                       .mechanism(CKM_AES_KEY_GEN)
                       .attributes({{CKA_VALUE_LEN, ulong(32)},
                                    {CKA_TOKEN, flag(false)},
                                    {CKA_LABEL, {'k'}},
                                    {CKA_ENCRYPT, flag(true)},
                                    {CKA_DECRYPT, flag(true)},
                                    {CKA_SENSITIVE, flag(true)}});
  const std::uint64_t key = call("GenerateKey", session, aes).u64();
  ASSERT_NE(key, 0u);

  const Buffer parameter = Body().bytes(Buffer(12, 3)).text("aad").u32(128).get();
  const Buffer plaintext(777, 'x');
  const auto crypt = [&](const char* name, const Buffer& data) {
    return call(name, session, Body().mechanism(CKM_AES_GCM, parameter).u64(key).bytes(data));
  };
  const Response sealed = crypt("Encrypt", plaintext);
  ASSERT_EQ(sealed.status(), CKR_OK);
  EXPECT_EQ(sealed.bytes().size(), plaintext.size() + 16);
  EXPECT_EQ(crypt("Decrypt", sealed.bytes()).bytes(), plaintext);
  Buffer wrong = sealed.bytes();
  wrong[0] ^= 1;
  // SoftHSM2 2.6 answers CKR_GENERAL_ERROR here; the dispatcher passes on whatever a module says.
  const Response refused = crypt("Decrypt", wrong);
  EXPECT_NE(refused.status(), CKR_OK);
  EXPECT_TRUE(refused.body.empty());

  const Response attributes =
      call("GetAttributeValue", session, Body().u64(key).u32(2).u32(CKA_LABEL).u32(CKA_VALUE));
  EXPECT_EQ(attributes.status(), CKR_ATTRIBUTE_SENSITIVE);
  EXPECT_EQ(attributes.u32(0), 2u);
  EXPECT_EQ(attributes.u32(8), 1u);             // length of the label
  EXPECT_EQ(attributes.u32(20), kUnavailable);  // no value

  const Response found =
      call("FindObjects", session, Body().attributes({{CKA_LABEL, {'k'}}}).u32(10));
  EXPECT_EQ(found.u32(), 1u);
  EXPECT_EQ(found.u64(4), key);  // one object, one name

  EXPECT_EQ(call("GenerateRandom", session, Body().u32(32)).bytes().size(), 32u);
  EXPECT_EQ(call("DestroyObject", session, Body().u64(key)).status(), CKR_OK);
  EXPECT_EQ(call("DestroyObject", session, Body().u64(key)).status(), CKR_OBJECT_HANDLE_INVALID);
}

TEST_F(SoftHsm, MakesKeyPairsAndReadsTheParametersOfRsa) {
  const std::uint64_t session = logged_in_session();
  const Body generation = Body()
                              .mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN)
                              .attributes({{CKA_MODULUS_BITS, ulong(2048)},
                                           {CKA_PUBLIC_EXPONENT, {1, 0, 1}},
                                           {CKA_TOKEN, flag(false)},
                                           {CKA_VERIFY, flag(true)},
                                           {CKA_ENCRYPT, flag(true)}})
                              .attributes({{CKA_TOKEN, flag(false)},
                                           {CKA_SENSITIVE, flag(true)},
                                           {CKA_SIGN, flag(true)},
                                           {CKA_DECRYPT, flag(true)}});
  const Response made = call("GenerateKeyPair", session, generation);
  ASSERT_EQ(made.status(), CKR_OK);
  const std::uint64_t public_key = made.u64(0);
  const std::uint64_t private_key = made.u64(8);
  EXPECT_NE(public_key, private_key);

  const Buffer pss = Body().u32(CKM_SHA256).u32(CKG_MGF1_SHA256).u32(32).get();
  const Response signature =
      call("Sign", session,
           Body().mechanism(CKM_SHA256_RSA_PKCS_PSS, pss).u64(private_key).text("a message"));
  ASSERT_EQ(signature.status(), CKR_OK);
  const auto verify = [&](const char* message) {
    return call("Verify", session,
                Body()
                    .mechanism(CKM_SHA256_RSA_PKCS_PSS, pss)
                    .u64(public_key)
                    .text(message)
                    .bytes(signature.bytes()))
        .status();
  };
  EXPECT_EQ(verify("a message"), CKR_OK);
  EXPECT_EQ(verify("another"), CKR_SIGNATURE_INVALID);

  // SoftHSM2 takes OAEP with SHA-1 and no label.
  const Buffer oaep =
      Body().u32(CKM_SHA_1).u32(CKG_MGF1_SHA1).u32(CKZ_DATA_SPECIFIED).text("").get();
  const auto crypt = [&](const char* name, std::uint64_t key, const Buffer& data) {
    return call(name, session, Body().mechanism(CKM_RSA_PKCS_OAEP, oaep).u64(key).bytes(data));
  };
  const Buffer plaintext(20, 'x');
  const Response sealed = crypt("Encrypt", public_key, plaintext);
  ASSERT_EQ(sealed.status(), CKR_OK);
  EXPECT_EQ(crypt("Decrypt", private_key, sealed.bytes()).bytes(), plaintext);
}

TEST_F(SoftHsm, LeavesNoOperationBehindWhenAnOutputDoesNotFit) {
  const std::uint64_t session = logged_in_session();
  const Body generic = Body()
                           .mechanism(CKM_AES_KEY_GEN)
                           .attributes({{CKA_VALUE_LEN, ulong(32)}, {CKA_ENCRYPT, flag(true)}});
  const std::uint64_t key = call("GenerateKey", session, generic).u64();
  const Buffer parameter = Body().bytes(Buffer(12, 3)).text("").u32(128).get();
  const Body body = Body().mechanism(CKM_AES_GCM, parameter).u64(key).bytes(Buffer(2000, 'x'));
  const Buffer request = frame(command("Encrypt"), session, body.get());
  EXPECT_EQ(send(*client_, request, true, kResponseBytesMin).status(), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(send(*client_, request).status(), CKR_OK);
}

TEST_F(SoftHsm, WhatItsListLacksIsNotSupported) {
  const std::uint64_t session = logged_in_session();
  EXPECT_EQ(call("Hello", 0, Body().u32(1).u32(1)).u32(4), 0u);  // no capability of ours
  EXPECT_EQ(call("GetDeviceStatus", 0, Body()).status(), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(call("MarkTrusted", session, Body().text("id")).status(), CKR_FUNCTION_NOT_SUPPORTED);
  EXPECT_EQ(call("BuryWrapped", session, Body().u32(0).u32(0).text("")).status(),
            CKR_FUNCTION_NOT_SUPPORTED);
  const Body pair =
      Body()
          .mechanism(CKM_EC_KEY_PAIR_GEN)
          .attributes({{CKA_EC_PARAMS, {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}}})
          .u64(1)
          .text("")
          .u32(0);
  EXPECT_EQ(call("SealKeyPair", session, pair).status(), CKR_FUNCTION_NOT_SUPPORTED);
  const Body aes = Body().mechanism(CKM_AES_KEY_GEN).attributes({{CKA_VALUE_LEN, ulong(32)}});
  const std::uint64_t key = call("GenerateKey", session, aes).u64();
  const Buffer parameter =
      Body().bytes(Buffer(12, 0)).u32(0).u32(CKG_NO_GENERATE).u32(128).text("").get();
  const Body message = Body().mechanism(CKM_AES_GCM, parameter).u64(key).text("").text("data");
  EXPECT_EQ(call("MessageEncrypt", session, message).status(), CKR_FUNCTION_NOT_SUPPORTED);
}

}  // namespace
}  // namespace strongroom::frame::test
