// Frames against our own token: every row decodes, everything else is refused, and nothing that is
// refused leaves a trace.
#include <gtest/gtest.h>

#include <random>

#include "test/frame_builder.h"

namespace strongroom::frame::test {
namespace {

constexpr std::uint32_t kRandomFrames = 100000;

std::uint16_t command(const char* name) {
  for (const Row& row : kRows) {
    if (std::string(row.name) == name) return row.number;
  }
  ADD_FAILURE() << "no command " << name;
  return 0;
}

class Frame : public ::testing::Test {
 protected:
  void SetUp() override {
    SR_DEVICE_CONFIG config{};
    config.ulSize = sizeof config;
    config.ulSlotCount = 1;
    config.ulPinIterations = 1;
    config.bCreate = CK_TRUE;
    ASSERT_EQ(module_.vendor->SR_OpenDevice(&config, &device_), CKR_OK);
    ASSERT_EQ(Attachment::open(module_, device_, &client_), CKR_OK);
    slot_ = send(*client_, frame(command("GetSlotList"), 0, Body().u32(1).get())).u64(4);
    ASSERT_EQ(run("InitToken", 0, Body().u64(slot_).text("so pin 1234").text("frames")), CKR_OK);
    session_ = open(*client_);
    ASSERT_EQ(run("Login", session_, Body().u32(CKU_SO).text("so pin 1234")), CKR_OK);
    ASSERT_EQ(run("InitPIN", session_, Body().text("user pin 1234")), CKR_OK);
    ASSERT_EQ(run("Logout", session_, Body()), CKR_OK);
    ASSERT_EQ(run("Login", session_, Body().u32(CKU_USER).text("user pin 1234")), CKR_OK);
    key_ = make_key();
  }

  void TearDown() override {
    client_.reset();
    EXPECT_EQ(module_.vendor->SR_CloseDevice(device_), CKR_OK);
  }

  CK_RV run(const char* name, std::uint64_t session, const Body& body) {
    return send(*client_, frame(command(name), session, body.get())).status();
  }

  std::uint64_t open(Attachment& client) {
    const auto body = Body().u64(slot_).u64(CKF_SERIAL_SESSION | CKF_RW_SESSION);
    const Response response = send(client, frame(command("OpenSession"), 0, body.get()));
    EXPECT_EQ(response.status(), CKR_OK);
    return response.u64();
  }

  std::uint64_t make_key() {
    const auto body = Body()
                          .mechanism(CKM_AES_KEY_GEN)
                          .attributes({{CKA_CLASS, ulong(CKO_SECRET_KEY)},
                                       {CKA_KEY_TYPE, ulong(CKK_AES)},
                                       {CKA_VALUE_LEN, ulong(32)},
                                       {CKA_ENCRYPT, flag(true)},
                                       {CKA_DECRYPT, flag(true)}});
    const Response response = send(*client_, frame(command("GenerateKey"), session_, body.get()));
    EXPECT_EQ(response.status(), CKR_OK);
    return response.u64();
  }

  SR_DEVICE_STATUS status() {
    SR_DEVICE_STATUS now{};
    now.ulSize = sizeof now;
    EXPECT_EQ(module_.vendor->SR_GetDeviceStatus(device_, &now), CKR_OK);
    return now;
  }

  // A body with a plausible value for every field of the row.
  Body plausible(const Row& row) {
    Body body;
    for (std::size_t i = 0; i < row.request_count; ++i) {
      switch (row.request[i]) {
        case FieldType::kU32:
          body.u32(1);
          break;
        case FieldType::kU64:
          body.u64(slot_);
          break;
        case FieldType::kObject:
        case FieldType::kSession:
          body.u64(key_);
          break;
        case FieldType::kBytes:
        case FieldType::kData:
          body.text("five!");
          break;
        case FieldType::kTemplate:
          body.attributes(
              {{CKA_LABEL, {'a', 'b', 'c'}},
               {CKA_UNWRAP_TEMPLATE, Body().attributes({{CKA_SENSITIVE, flag(true)}}).get()}});
          break;
        case FieldType::kMechanism:
          body.mechanism(CKM_SHA256_HMAC_GENERAL, ulong(16));
          break;
        case FieldType::kU32s:
          body.u32(2).u32(CKA_LABEL).u32(CKA_CLASS);
          break;
        case FieldType::kObjects:
          body.u32(1).u64(key_);
          break;
        case FieldType::kU64s:
        case FieldType::kAttributes:
          ADD_FAILURE() << row.name << " has a response field in its request";
          break;
      }
    }
    return body;
  }

  void expect_unchanged(const SR_DEVICE_STATUS& before) {
    const SR_DEVICE_STATUS after = status();
    EXPECT_EQ(after.ulSessionCount, before.ulSessionCount);
    EXPECT_EQ(after.ulSessionObjectCount, before.ulSessionObjectCount);
    EXPECT_EQ(after.ulTokenObjectCount, before.ulTokenObjectCount);
    EXPECT_EQ(after.ulFlashBytes, before.ulFlashBytes);
    EXPECT_EQ(after.bErrorState, before.bErrorState);
    EXPECT_EQ(run("GetAttributeValue", session_, Body().u64(key_).u32(1).u32(CKA_CLASS)), CKR_OK);
  }

  Module module_{cryptoki::function_list(), cryptoki::vendor_list()};
  SR_DEVICE device_ = 0;
  std::unique_ptr<Attachment> client_;
  std::uint64_t slot_ = 0;
  std::uint64_t session_ = 0;
  std::uint64_t key_ = 0;
};

TEST_F(Frame, EveryRowIsDecodedAsTheTableSays) {
  for (const Row& row : kRows) {
    // A session of its own: closing, logging in and out are among the rows.
    const std::uint64_t session = row.session ? open(*client_) : 0;
    const Response response = send(*client_, frame(row.number, session, plausible(row).get(), 99));
    EXPECT_NE(response.status(), CKR_STRONGROOM_FRAME_INVALID) << row.name;
    EXPECT_NE(response.status(), CKR_STRONGROOM_COMMAND_UNKNOWN) << row.name;
    EXPECT_EQ(response.header.sequence, 99u) << row.name;
    EXPECT_EQ(response.header.command, row.number) << row.name;
    EXPECT_EQ(response.header.flags & kFlagResponse, kFlagResponse) << row.name;
  }
}

TEST_F(Frame, CutAndLongBodiesAreRefusedInEveryRow) {
  const std::uint64_t other = open(*client_);
  const SR_DEVICE_STATUS before = status();
  for (const Row& row : kRows) {
    const Buffer whole = plausible(row).get();
    const std::uint64_t session = row.session ? other : 0;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_EQ(send(*client_, frame(row.number, session, cut)).status(),
                CKR_STRONGROOM_FRAME_INVALID)
          << row.name << " cut to " << length;
    }
    Buffer longer = whole;
    for (int extra = 0; extra < 9; ++extra) {
      longer.push_back(0);
      EXPECT_EQ(send(*client_, frame(row.number, session, longer)).status(),
                CKR_STRONGROOM_FRAME_INVALID)
          << row.name << " longer by " << extra + 1;
    }
  }
  expect_unchanged(before);
}

TEST_F(Frame, MalformedHeadersAreRefused) {
  const SR_DEVICE_STATUS before = status();
  const Buffer good = frame(command("GetSlotList"), 0, Body().u32(1).get());
  ASSERT_EQ(send(*client_, good).status(), CKR_OK);
  for (std::size_t length = 0; length < good.size(); ++length) {
    const Buffer cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(send(*client_, cut).status(), CKR_STRONGROOM_FRAME_INVALID) << length;
  }
  const auto with = [&](auto change) {
    Buffer bytes = good;
    Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return send(*client_, bytes).status();
  };
  EXPECT_EQ(with([](Header& h) { h.magic ^= 1; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.version = 2; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.flags = kFlagResponse; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.flags = 8; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.flags = kFlagAttachedInput; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.length += 1; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.length = 0xffffffff; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.status = 1; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.attached_input = 1; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.attached_output = 1; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.session_low = 1; }), CKR_STRONGROOM_FRAME_INVALID);
  EXPECT_EQ(with([](Header& h) { h.command = 0; }), CKR_STRONGROOM_COMMAND_UNKNOWN);
  EXPECT_EQ(with([](Header& h) { h.command = static_cast<std::uint16_t>(std::size(kRows) + 1); }),
            CKR_STRONGROOM_COMMAND_UNKNOWN);
  EXPECT_EQ(with([](Header& h) { h.command = 0xffff; }), CKR_STRONGROOM_COMMAND_UNKNOWN);
  Buffer huge = good;
  huge.resize(kFrameBytesMax + 1);
  EXPECT_EQ(send(*client_, huge).status(), CKR_STRONGROOM_FRAME_INVALID);
  expect_unchanged(before);
}

TEST_F(Frame, LengthsInsideTheBodyAreNotBelieved) {
  for (const std::uint32_t lie :
       {5U, 0x7fffffffU, 0x80000000U, 0x80000005U, 0xfffffffcU, 0xffffffffU}) {
    EXPECT_EQ(run("SeedRandom", session_, Body().u32(lie)), CKR_STRONGROOM_FRAME_INVALID) << lie;
    EXPECT_EQ(run("CreateObject", session_, Body().u32(lie)), CKR_STRONGROOM_FRAME_INVALID) << lie;
    EXPECT_EQ(run("CreateObject", session_, Body().u32(1).u32(CKA_LABEL).u32(lie)),
              CKR_STRONGROOM_FRAME_INVALID);
    EXPECT_EQ(run("GetAttributeValue", session_, Body().u64(key_).u32(lie)),
              CKR_STRONGROOM_FRAME_INVALID)
        << lie;
    EXPECT_EQ(run("Encrypt", session_, Body().u32(CKM_AES_GCM).u32(lie).u64(key_).text("")),
              CKR_STRONGROOM_FRAME_INVALID);
  }
  // Padding that is not zero would be a place to hide bytes in.
  Buffer padded = Body().text("abc").get();
  padded.back() = 1;
  EXPECT_EQ(send(*client_, frame(command("SeedRandom"), session_, padded)).status(),
            CKR_STRONGROOM_FRAME_INVALID);
}

TEST_F(Frame, TemplatesNestOnlySoDeep) {
  Body inner = Body().attributes({{CKA_SENSITIVE, flag(true)}});
  for (int depth = 0; depth < 6; ++depth)
    inner = Body().attributes({{CKA_UNWRAP_TEMPLATE, inner.get()}});
  EXPECT_EQ(run("CreateObject", session_, inner), CKR_STRONGROOM_FRAME_INVALID);
}

TEST_F(Frame, OpaqueParametersCannotHoldAPointer) {
  Buffer pointer(16, 0x41);
  const auto body = [&](const Buffer& parameter) {
    return Body()
        .mechanism(0x1050 /* CKM_ECDH1_DERIVE: its parameter holds a pointer */, parameter)
        .u64(key_)
        .text("data");
  };
  EXPECT_EQ(run("Encrypt", session_, body(pointer)), CKR_MECHANISM_PARAM_INVALID);
  pointer.resize(7);
  EXPECT_EQ(run("Encrypt", session_, body(pointer)), CKR_MECHANISM_INVALID);
}

TEST_F(Frame, SessionsAndObjectsOfAnotherClientNameNothing) {
  std::unique_ptr<Attachment> stranger;
  ASSERT_EQ(Attachment::open(module_, device_, &stranger), CKR_OK);
  const std::uint64_t theirs = open(*stranger);
  const SR_DEVICE_STATUS before = status();
  for (const Row& row : kRows) {
    if (!row.session) continue;
    EXPECT_EQ(send(*client_, frame(row.number, theirs, plausible(row).get())).status(),
              CKR_SESSION_HANDLE_INVALID);
    EXPECT_EQ(send(*stranger, frame(row.number, session_, plausible(row).get())).status(),
              CKR_SESSION_HANDLE_INVALID);
  }
  const auto body = Body().u64(key_).u32(1).u32(CKA_CLASS);
  EXPECT_EQ(send(*stranger, frame(command("GetAttributeValue"), theirs, body.get())).status(),
            CKR_OBJECT_HANDLE_INVALID);
  EXPECT_EQ(
      send(*stranger, frame(command("DestroyObject"), theirs, Body().u64(key_).get())).status(),
      CKR_OBJECT_HANDLE_INVALID);
  expect_unchanged(before);
}

TEST_F(Frame, StaleHandlesNameNothing) {
  const std::uint64_t session = open(*client_);
  ASSERT_EQ(run("CloseSession", session, Body()), CKR_OK);
  EXPECT_EQ(run("GetSessionInfo", session, Body()), CKR_SESSION_HANDLE_INVALID);
  EXPECT_NE(open(*client_), session);
  ASSERT_EQ(run("DestroyObject", session_, Body().u64(key_)), CKR_OK);
  EXPECT_EQ(run("DestroyObject", session_, Body().u64(key_)), CKR_OBJECT_HANDLE_INVALID);
  EXPECT_NE(make_key(), key_);
}

TEST_F(Frame, ObjectsOfAClosedSessionNameNothing) {
  std::uint64_t session = open(*client_);
  std::swap(session, session_);
  const std::uint64_t object = make_key();
  std::swap(session, session_);
  EXPECT_EQ(run("GetAttributeValue", session_, Body().u64(object).u32(1).u32(CKA_CLASS)), CKR_OK);
  ASSERT_EQ(run("CloseSession", session, Body()), CKR_OK);
  EXPECT_EQ(run("GetAttributeValue", session_, Body().u64(object).u32(1).u32(CKA_CLASS)),
            CKR_OBJECT_HANDLE_INVALID);
  EXPECT_EQ(run("GetAttributeValue", session_, Body().u64(key_).u32(1).u32(CKA_CLASS)), CKR_OK);
}

TEST_F(Frame, AnAttachmentTakesOnlyItsOwnSessionsAlong) {
  std::unique_ptr<Attachment> second;
  ASSERT_EQ(Attachment::attach(module_, client_->application().attach_id(), &second), CKR_OK);
  const CK_ULONG before = status().ulSessionCount;
  const std::uint64_t theirs = open(*second);
  // Threads of one application share its handles.
  EXPECT_EQ(run("GetSessionInfo", theirs, Body()), CKR_OK);
  second.reset();
  EXPECT_EQ(status().ulSessionCount, before);
  EXPECT_EQ(run("GetSessionInfo", theirs, Body()), CKR_SESSION_HANDLE_INVALID);
  EXPECT_EQ(run("GetSessionInfo", session_, Body()), CKR_OK);
  EXPECT_EQ(Attachment::attach(module_, AttachId{}, &second), CKR_ARGUMENTS_BAD);
}

TEST_F(Frame, AResetEndsTheSessionsOfAllApplications) {
  std::unique_ptr<Attachment> stranger;
  ASSERT_EQ(Attachment::open(module_, client_->application().device(), &stranger), CKR_OK);
  open(*stranger);
  ASSERT_GE(status().ulSessionCount, 2u);
  EXPECT_EQ(run("ResetDevice", 0, Body()), CKR_OK);
  EXPECT_EQ(status().ulSessionCount, 0u);
  EXPECT_EQ(status().ulSessionObjectCount, 0u);
  EXPECT_EQ(run("GetSessionInfo", session_, Body()), CKR_SESSION_HANDLE_INVALID);
  session_ = open(*client_);
  EXPECT_EQ(run("GetSessionInfo", session_, Body()), CKR_OK);
  EXPECT_EQ(run("GetAttributeValue", session_, Body().u64(key_).u32(1).u32(CKA_CLASS)),
            CKR_OBJECT_HANDLE_INVALID);
}

TEST_F(Frame, WhatMayNotWaitAnswersBusy) {
  for (const Row& row : kRows) {
    if (row.sync) continue;
    const std::uint64_t session = row.session ? session_ : 0;
    EXPECT_EQ(send(*client_, frame(row.number, session, plausible(row).get()), false).status(),
              CKR_STRONGROOM_BUSY)
        << row.name;
  }
  HeldSession held;
  ASSERT_EQ(client_->application().hold(session_, true, &held), CKR_OK);
  const Buffer random = frame(command("GenerateRandom"), session_, Body().u32(16).get());
  EXPECT_EQ(send(*client_, random, false).status(), CKR_STRONGROOM_BUSY);
  held.let_go();
  EXPECT_EQ(send(*client_, random, false).status(), CKR_OK);
}

TEST_F(Frame, OutputsThatDoNotFitSayWhatTheyNeedAndLeaveTheSessionUsable) {
  const Buffer parameter = Body().bytes(Buffer(12, 1)).text("").u32(128).get();
  const Buffer plaintext(3000, 'p');
  const Body body = Body().mechanism(CKM_AES_GCM, parameter).u64(key_).bytes(plaintext);
  const Buffer request = frame(command("Encrypt"), session_, body.get());
  const Response small = send(*client_, request, true, kResponseBytesMin);
  EXPECT_EQ(small.status(), CKR_BUFFER_TOO_SMALL);
  EXPECT_EQ(small.u64(), plaintext.size() + 16);
  const Response whole = send(*client_, request);
  ASSERT_EQ(whole.status(), CKR_OK);
  EXPECT_EQ(whole.bytes().size(), plaintext.size() + 16);
  EXPECT_EQ(
      send(*client_, frame(command("GenerateRandom"), session_, Body().u32(4000).get()), true, 2000)
          .u64(),
      4000u);
}

TEST_F(Frame, AttachedAndInlineBytesGiveTheSame) {
  const Buffer parameter = Body().bytes(Buffer(12, 1)).text("aad").u32(128).get();
  const Buffer plaintext(5000, 'p');
  const Response whole = send(
      *client_, frame(command("Encrypt"), session_,
                      Body().mechanism(CKM_AES_GCM, parameter).u64(key_).bytes(plaintext).get()));
  ASSERT_EQ(whole.status(), CKR_OK);

  Buffer request =
      frame(command("Encrypt"), session_,
            Body().mechanism(CKM_AES_GCM, parameter).u64(key_).u32(kAttached | 5000U).get());
  Buffer output(plaintext.size() + 16);
  Header header;
  std::memcpy(&header, request.data(), sizeof header);
  header.flags = kFlagAttachedInput | kFlagAttachedOutput;
  header.attached_input = 5000;
  header.attached_output = static_cast<std::uint32_t>(output.size());
  std::memcpy(request.data(), &header, sizeof header);
  Buffer response(kResponseBytesMin);
  const std::size_t length = execute(*client_, request, plaintext, output, response, false);
  std::memcpy(&header, response.data(), sizeof header);
  EXPECT_EQ(header.status, CKR_OK);
  EXPECT_EQ(header.attached_output, output.size());
  EXPECT_EQ(header.flags, kFlagResponse | kFlagAttachedOutput);
  EXPECT_EQ(length, sizeof header + 4);
  EXPECT_EQ(output, whole.bytes());
  // The buffer beside the frame has to be the one the frame speaks of.
  execute(*client_, request, Bytes(plaintext).first(4999), output, response, false);
  std::memcpy(&header, response.data(), sizeof header);
  EXPECT_EQ(header.status, CKR_STRONGROOM_FRAME_INVALID);
}

TEST_F(Frame, RandomFramesChangeNothing) {
  const SR_DEVICE_STATUS before = status();
  std::mt19937_64 random(20261123);
  Buffer out(8192);
  std::uint32_t executed = 0;
  for (std::uint32_t i = 0; i < kRandomFrames; ++i) {
    Buffer request(random() % 200);
    for (auto& byte : request) byte = static_cast<std::uint8_t>(random());
    // Most have a good header, and some a good beginning of a body: pure noise never gets past the
    // magic number. Commands that would end the session or the log-in when they have no body always
    // get one.
    if (i % 4 != 0) {
      const Row& row = kRows[random() % std::size(kRows)];
      Buffer body = i % 4 == 1 ? request : plausible(row).get();
      if (i % 4 != 1 && !body.empty())
        body[random() % body.size()] = static_cast<std::uint8_t>(random());
      if (body.empty() || (i % 4 == 3 && !row.session))
        body.push_back(static_cast<std::uint8_t>(random()));
      const bool changes =
          row.number == command("CloseSession") || row.number == command("CloseAllSessions") ||
          row.number == command("OpenSession") || row.number == command("Login") ||
          row.number == command("Logout") || row.number == command("InitToken") ||
          row.number == command("CreateObject") || row.number == command("DestroyObject") ||
          row.number == command("FailSelfTest") || row.number == command("SetAttributeValue") ||
          row.number == command("CopyObject");
      // A mutated body of these may be a good one; cut, it is not.
      if (changes) body.resize(body.size() / 4 * 4 + 1);
      request = frame(row.number, row.session ? session_ : 0, body);
    }
    const std::size_t length = execute(*client_, request, {}, {}, out, i % 3 != 0);
    Header header;
    ASSERT_GE(length, sizeof header);
    ASSERT_LE(length, out.size());
    std::memcpy(&header, out.data(), sizeof header);
    ASSERT_EQ(header.length, length);
    ASSERT_EQ(header.magic, kMagic);
    if (header.status == CKR_OK) ++executed;
    if (i % 4 == 0) {
      ASSERT_EQ(header.status, CKR_STRONGROOM_FRAME_INVALID);
    }
  }
  EXPECT_LT(executed, kRandomFrames / 4);
  expect_unchanged(before);
}

}  // namespace
}  // namespace strongroom::frame::test
