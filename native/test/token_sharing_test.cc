// One device directory opened twice, as two processes that share it do: what one does shows in the
// other, and a thread that does not wait is told that there is something to wait for. Real
// processes are in module/processes_test.cc.
#include <thread>

#include "test/persistent_token.h"

namespace strongroom::test {
namespace {

class TokenSharingTest : public TokenTest {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/strongroom-sharing-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    directory_ = pattern;
    device = open(&application, &slot);
    initialise(slot, application);
    other_device_ = open(&other_application_, &other_slot_);
  }
  void TearDown() override {
    EXPECT_CKR(CKR_OK, sr().SR_CloseDevice(other_device_));
    TokenTest::TearDown();
    std::filesystem::remove_all(directory_);
  }
  SR_DEVICE open(SR_APPLICATION* its_application, CK_SLOT_ID* its_slot) const {
    const std::string flash = directory_ + "/flash";
    const std::string root = directory_ + "/root";
    SR_DEVICE_CONFIG config{};
    config.ulSize = sizeof(config);
    config.pFlashDirectory = flash.c_str();
    config.pRootDirectory = root.c_str();
    config.ulSlotCount = 1;
    config.ulPinIterations = 1000;
    config.bCreate = CK_TRUE;
    config.bShared = CK_TRUE;
    SR_DEVICE opened = 0;
    EXPECT_CKR(CKR_OK, sr().SR_OpenDevice(&config, &opened));
    CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
    EXPECT_CKR(CKR_OK, sr().SR_OpenApplication(opened, attach_id, its_application));
    CK_ULONG count = 1;
    EXPECT_CKR(CKR_OK, sr().SR_GetSlotList(*its_application, CK_TRUE, its_slot, &count));
    return opened;
  }
  CK_SESSION_HANDLE open_other_session() {
    return open_session_of(other_application_, other_slot_);
  }

  std::string directory_;
  SR_DEVICE other_device_ = 0;
  SR_APPLICATION other_application_ = 0;
  CK_SLOT_ID other_slot_ = 0;
};

TEST_F(TokenSharingTest, AThreadThatDoesNotWaitIsToldThatThereIsSomething) {
  const CK_SESSION_HANDLE session = open_session();
  const CK_SESSION_HANDLE other = open_other_session();
  login(session);
  login(other);
  const CK_OBJECT_HANDLE key = make_aes(other, true);
  Attributes any;
  CK_SESSION_INFO info;
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_CKR(CKR_STRONGROOM_BUSY, c().C_FindObjectsInit(session, nullptr, 0));
  EXPECT_CKR(CKR_STRONGROOM_BUSY, c().C_GetSessionInfo(session, &info));
  EXPECT_CKR(CKR_OK, c().C_GetSessionInfo(other, &info));
  sr().SR_SetNoWait(CK_FALSE);
  EXPECT_EQ(find(session, any).size(), 1u);
  sr().SR_SetNoWait(CK_TRUE);
  EXPECT_EQ(find(session, any).size(), 1u);
  sr().SR_SetNoWait(CK_FALSE);
  ASSERT_CKR(CKR_OK, c().C_DestroyObject(other, key));
  EXPECT_TRUE(find(session, any).empty());
}

TEST_F(TokenSharingTest, ThreadsOfBothMakeFindAndDestroy) {
  constexpr int kRounds = 40;
  std::vector<std::thread> threads;
  for (const bool ours : {true, true, false, false}) {
    const CK_SESSION_HANDLE session = ours ? open_session() : open_other_session();
    if (threads.empty() || threads.size() == 2) login(session);
    threads.emplace_back([session] {
      for (int i = 0; i < kRounds; ++i) {
        const CK_OBJECT_HANDLE key = make_aes(session, true);
        Attributes any;
        EXPECT_FALSE(find(session, any).empty());
        ByteString label;
        EXPECT_CKR(CKR_OK, get(session, key, CKA_LABEL, &label));
        if (i % 4 == 0) continue;
        EXPECT_CKR(CKR_OK, c().C_DestroyObject(session, key));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const CK_SESSION_HANDLE sessions[] = {open_session(), open_other_session()};
  for (const CK_SESSION_HANDLE session : sessions) {
    Attributes any;
    EXPECT_EQ(find(session, any).size(), 4u * kRounds / 4);
  }
}

}  // namespace
}  // namespace strongroom::test
