// Several threads at once: nothing tears, nothing is counted twice, nothing outlives its owner.
// Bounded by counts, not time.
#include <atomic>
#include <chrono>
#include <thread>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

void in_threads(int count, auto body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& each : threads) each.join();
}

}  // namespace

using TokenConcurrencyTest = TokenTest;

TEST_F(TokenConcurrencyTest, KeysDestroyedWhileInUse) {
  const CK_SESSION_HANDLE owner = open_session();
  login(owner);
  std::atomic<CK_OBJECT_HANDLE> current{make_aes(owner)};
  std::atomic<bool> done{false};
  std::atomic<int> sealed{0};
  std::thread user([&] {
    const CK_SESSION_HANDLE session = open_session();
    while (!done) {
      ByteString out;
      const CK_RV rv = encrypt(session, current, ByteString(12, 1), {}, ByteString(256, 7), &out);
      if (rv == CKR_OK) {
        ++sealed;
        ByteString opened;
        const CK_RV back = decrypt(session, current, ByteString(12, 1), {}, out, &opened);
        EXPECT_TRUE(back == CKR_OK || back == CKR_KEY_HANDLE_INVALID ||
                    back == CKR_OPERATION_NOT_INITIALIZED ||
                    back == CKR_ENCRYPTED_DATA_INVALID)  // another key meanwhile
            << name_of(back);
      } else {
        EXPECT_TRUE(rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OPERATION_NOT_INITIALIZED)
            << name_of(rv);
      }
    }
  });
  for (int i = 0; i < 300 || sealed < 50; ++i) {
    const CK_OBJECT_HANDLE old = current;
    current = make_aes(owner, i % 10 == 0);
    EXPECT_CKR(CKR_OK, c().C_DestroyObject(owner, old));
  }
  done = true;
  user.join();
}

// One symmetric and one asymmetric key, used by many threads in single calls, while others destroy
// each and make it anew with the same bytes: what is answered is right, or that the key has gone.
TEST_F(TokenConcurrencyTest, ManyThreadsUseKeysThatOthersDestroy) {
  const CK_SESSION_HANDLE owner = open_session();
  login(owner);
  Attributes of_public;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  Attributes of_private;
  of_private.flag(CKA_SENSITIVE, false).flag(CKA_EXTRACTABLE, true);
  Pair pair;
  ASSERT_CKR(CKR_OK, generate_pair(owner, CKM_EC_KEY_PAIR_GEN, of_public, of_private, &pair));
  ByteString scalar;
  ASSERT_CKR(CKR_OK, get(owner, pair.private_key, CKA_VALUE, &scalar));
  const auto make_signing = [&](CK_SESSION_HANDLE session) {
    Attributes known;
    known.number(CKA_CLASS, CKO_PRIVATE_KEY)
        .number(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, p256_parameters())
        .bytes(CKA_VALUE, scalar)
        .flag(CKA_SIGN, true);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    EXPECT_CKR(CKR_OK, c().C_CreateObject(session, known.data(), known.count(), &key));
    return key;
  };
  const auto make_secret = [](CK_SESSION_HANDLE session) {
    return create_secret(session, CKK_AES, ByteString(32, 7), {CKA_ENCRYPT});
  };
  std::atomic<CK_OBJECT_HANDLE> secret{make_secret(owner)};
  std::atomic<CK_OBJECT_HANDLE> signing{make_signing(owner)};

  CK_BYTE iv[12] = {1};
  CK_GCM_PARAMS parameters{iv, sizeof iv, 96, nullptr, 0, 128};
  CK_MECHANISM gcm{CKM_AES_GCM, &parameters, sizeof parameters};
  CK_MECHANISM ecdsa{CKM_ECDSA_SHA256, nullptr, 0};
  ByteString message = bytes_of("the same each time");
  const auto seal = [&](CK_SESSION_HANDLE session, ByteString* out) {
    out->assign(message.size() + 16, 0);
    CK_ULONG length = out->size();
    return sr().SR_Encrypt(session, &gcm, secret, message.data(), message.size(), out->data(),
                           &length);
  };
  ByteString expected;
  ASSERT_CKR(CKR_OK, seal(owner, &expected));

  constexpr int kUsers = 4;
  std::atomic<int> users{kUsers};
  in_threads(kUsers + 2, [&](int number) {
    const CK_SESSION_HANDLE session = open_session();
    while (number >= kUsers && users > 0) {
      const bool is_secret = number == kUsers;
      const CK_OBJECT_HANDLE next = is_secret ? make_secret(session) : make_signing(session);
      EXPECT_CKR(CKR_OK,
                 c().C_DestroyObject(session, (is_secret ? secret : signing).exchange(next)));
    }
    if (number >= kUsers) return;
    for (int sealed = 0, signatures = 0; sealed < 500 || signatures < 50;) {
      ByteString out;
      CK_RV rv = seal(session, &out);
      EXPECT_TRUE(rv == CKR_OK || rv == CKR_KEY_HANDLE_INVALID) << name_of(rv);
      if (rv == CKR_OK) {
        EXPECT_EQ(out, expected);
        ++sealed;
      }
      ByteString signature(64);
      CK_ULONG length = signature.size();
      rv = sr().SR_Sign(session, &ecdsa, signing, message.data(), message.size(), signature.data(),
                        &length);
      EXPECT_TRUE(rv == CKR_OK || rv == CKR_KEY_HANDLE_INVALID) << name_of(rv);
      if (rv != CKR_OK) continue;
      EXPECT_CKR(CKR_OK, sr().SR_Verify(session, &ecdsa, pair.public_key, message.data(),
                                        message.size(), signature.data(), length));
      ++signatures;
    }
    --users;
  });
}

TEST_F(TokenConcurrencyTest, TwoThreadsOnOneSessionAreToldApart) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  const CK_OBJECT_HANDLE key = make_aes(session);
  const ByteString plaintext(4096, 3);
  in_threads(2, [&](int number) {
    if (number == 1) sr().SR_SetNoWait(CK_TRUE);
    for (int i = 0; i < 500; ++i) {
      ByteString out;
      const CK_RV rv = encrypt(session, key, ByteString(12, 1), {}, plaintext, &out);
      EXPECT_TRUE(rv == CKR_OK || rv == CKR_OPERATION_ACTIVE ||
                  rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_STRONGROOM_BUSY)
          << name_of(rv);
      if (rv == CKR_OK) {
        EXPECT_EQ(out.size(), plaintext.size() + 16);
      }
    }
  });
}

TEST_F(TokenConcurrencyTest, ConcurrentWrongPinsGetNoExtraGuess) {
  std::atomic<int> incorrect{0};
  in_threads(4, [&](int) {
    const CK_SESSION_HANDLE session = open_session();
    for (int i = 0; i < 10; ++i) {
      const CK_RV rv = try_login(session, CKU_USER, "wrong pin");
      if (rv == CKR_PIN_INCORRECT) ++incorrect;
      EXPECT_TRUE(rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED) << name_of(rv);
    }
  });
  EXPECT_EQ(incorrect, 10);
}

TEST_F(TokenConcurrencyTest, LoginAndLogoutOfManyApplications) {
  const CK_SESSION_HANDLE keeper = open_session();
  login(keeper);
  make_aes(keeper, true);
  ASSERT_CKR(CKR_OK, c().C_Logout(keeper));
  in_threads(4, [&](int) {
    for (int i = 0; i < 50; ++i) {
      CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
      SR_APPLICATION mine = 0;
      EXPECT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &mine));
      const CK_SESSION_HANDLE session = open_session_of(mine, slot);
      EXPECT_CKR(CKR_OK, try_login(session, CKU_USER, kUserPin));
      Attributes on_token;
      on_token.flag(CKA_TOKEN, true);
      const auto found = find(session, on_token);
      EXPECT_EQ(found.size(), 1u);
      ByteString out;
      if (!found.empty()) {
        EXPECT_CKR(CKR_OK,
                   encrypt(session, found[0], ByteString(12, 1), {}, ByteString(16, 1), &out));
      }
      if (i % 2 == 1) {
        EXPECT_CKR(CKR_OK, c().C_Logout(session));
      }
      EXPECT_CKR(CKR_OK, sr().SR_CloseApplication(mine));
    }
  });
}

TEST_F(TokenConcurrencyTest, LoginsForOneOperationAgainstLogouts) {
  const CK_SESSION_HANDLE owner = open_session();
  login(owner);
  Attributes of_public;
  Attributes of_private;
  of_public.bytes(CKA_EC_PARAMS, p256_parameters());
  of_private.flag(CKA_SIGN, true).flag(CKA_ALWAYS_AUTHENTICATE, true).flag(CKA_TOKEN, true);
  Pair pair;
  ASSERT_CKR(CKR_OK, generate_pair(owner, CKM_EC_KEY_PAIR_GEN, of_public, of_private, &pair));
  Attributes wanted;
  wanted.number(CKA_CLASS, CKO_PRIVATE_KEY);
  std::atomic<CK_OBJECT_HANDLE> key{pair.private_key};
  std::atomic<bool> done{false};
  std::atomic<int> signatures{0};
  std::thread signer([&] {
    const CK_SESSION_HANDLE session = open_session();
    CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
    while (!done) {
      if (c().C_SignInit(session, &mechanism, key) != CKR_OK) continue;
      const CK_RV again = try_login(session, CKU_CONTEXT_SPECIFIC, kUserPin);
      CK_BYTE data[8] = {};
      CK_BYTE signature[64];
      CK_ULONG length = sizeof(signature);
      const CK_RV rv = c().C_Sign(session, data, sizeof(data), signature, &length);
      EXPECT_TRUE(again == CKR_OK || rv != CKR_OK) << name_of(again);
      if (rv == CKR_OK) ++signatures;
    }
  });
  for (int i = 0; i < 100 || signatures < 10; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (i % 4 != 0) continue;
    EXPECT_CKR(CKR_OK, c().C_Logout(owner));
    login(owner);
    key = find(owner, wanted).at(0);  // a logout makes its handle another one
  }
  done = true;
  signer.join();
}

TEST_F(TokenConcurrencyTest, AttributesChangeWhole) {
  const CK_SESSION_HANDLE session = open_session();
  login(session);
  for (bool on_token : {false, true}) {
    const CK_OBJECT_HANDLE key = make_aes(session, on_token);
    Attributes first;
    first.label("aaaa").bytes(CKA_ID, bytes_of("aaaa"));
    ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, first.data(), first.count()));
    in_threads(3, [&](int number) {
      for (int i = 0; i < 100; ++i) {
        if (number < 2) {
          const ByteString text_value(4, number == 0 ? 'a' : 'b');
          Attributes attributes;
          attributes.bytes(CKA_LABEL, text_value).bytes(CKA_ID, text_value);
          EXPECT_CKR(CKR_OK,
                     c().C_SetAttributeValue(session, key, attributes.data(), attributes.count()));
        } else {
          CK_BYTE label[4] = {};
          CK_BYTE id[4] = {};
          CK_ATTRIBUTE attributes[] = {{CKA_LABEL, label, 4}, {CKA_ID, id, 4}};
          EXPECT_CKR(CKR_OK, c().C_GetAttributeValue(session, key, attributes, 2));
          EXPECT_EQ(ByteString(label, label + 4), ByteString(id, id + 4));
        }
      }
    });
  }
}

TEST_F(TokenConcurrencyTest, SessionsOpenedAndClosedWithTheirObjects) {
  const CK_SESSION_HANDLE keeper = open_session();
  login(keeper);
  in_threads(3, [&](int) {
    for (int i = 0; i < 100; ++i) {
      const CK_SESSION_HANDLE session = open_session();
      make_aes(session);
      Attributes all;
      find(session, all);
      EXPECT_CKR(CKR_OK, c().C_CloseSession(session));
    }
  });
  SR_DEVICE_STATUS status{};
  status.ulSize = sizeof(status);
  ASSERT_CKR(CKR_OK, sr().SR_GetDeviceStatus(device, &status));
  EXPECT_EQ(status.ulSessionObjectCount, 0u);
  EXPECT_EQ(status.ulSessionCount, 1u);
}

TEST_F(TokenConcurrencyTest, ADeviceClosedWithCallsInside) {
  for (int round = 0; round < 10; ++round) {
    const Device other = open_memory_device();
    initialise(other.slots[0], other.application);
    const CK_SESSION_HANDLE session = open_session_of(other.application, other.slots[0]);
    login(session);
    const CK_OBJECT_HANDLE key = make_aes(session);
    std::atomic<int> inside{0};
    std::thread closer([&] {
      while (inside < 20) std::this_thread::yield();
      EXPECT_CKR(CKR_OK, sr().SR_CloseDevice(other.device));
    });
    CK_RV rv;
    do {
      ByteString out;
      rv = encrypt(session, key, ByteString(12, 1), {}, ByteString(64, 1), &out);
      Attributes attributes;
      aes_template(attributes);
      attributes.flag(CKA_TOKEN, true);
      CK_OBJECT_HANDLE token_key;
      if (rv == CKR_OK) rv = generate(session, CKM_AES_KEY_GEN, attributes, &token_key);
      ++inside;
    } while (rv == CKR_OK);
    EXPECT_TRUE(rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID ||
                rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_USER_NOT_LOGGED_IN)
        << name_of(rv);
    closer.join();
  }
}

TEST_F(TokenConcurrencyTest, InitTokenAgainstOpeningSessions) {
  std::string label(32, ' ');
  std::atomic<bool> done{false};
  std::thread opener([&] {
    while (!done) {
      CK_SESSION_HANDLE session;
      const CK_RV rv =
          sr().SR_OpenSession(application, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session);
      EXPECT_TRUE(rv == CKR_OK || rv == CKR_TOKEN_NOT_RECOGNIZED) << name_of(rv);
      if (rv != CKR_OK) continue;
      Attributes open;
      aes_template(open);
      open.flag(CKA_PRIVATE, false).flag(CKA_TOKEN, true);
      CK_OBJECT_HANDLE key;
      EXPECT_CKR(CKR_OK, generate(session, CKM_AES_KEY_GEN, open, &key));
      EXPECT_CKR(CKR_OK, c().C_CloseSession(session));
    }
  });
  for (int i = 0; i < 100; ++i) {
    const CK_RV rv = c().C_InitToken(slot, text(kSoPin), kSoPin.size(), text(label));
    EXPECT_TRUE(rv == CKR_OK || rv == CKR_SESSION_EXISTS) << name_of(rv);
  }
  done = true;
  opener.join();
  EXPECT_CKR(CKR_OK, c().C_InitToken(slot, text(kSoPin), kSoPin.size(), text(label)));
  Attributes all;
  EXPECT_TRUE(find(open_session(), all).empty());
}

}  // namespace strongroom::test
