// The index of objects alone, and searches through it: by label, id, class and unique id, over
// token and session objects, while they change and go (PKCS#11 v3.2, 5.7.7).
#include "token/object_index.h"

#include <map>
#include <random>
#include <set>
#include <string>

#include "test/token_fixture.h"

namespace strongroom::test {
namespace {

using token::AttributeSet;
using token::ObjectIndex;
using Handles = std::vector<std::uint64_t>;

AttributeSet labelled(std::string_view label) {
  AttributeSet set;
  set.set_number(CKA_CLASS, CKO_DATA);
  if (!label.empty())
    set.set(CKA_LABEL, {reinterpret_cast<const std::uint8_t*>(label.data()), label.size()});
  return set;
}

Handles look_up(const ObjectIndex& index, const AttributeSet& wanted) {
  Handles found;
  index.candidates(wanted, &found);
  return found;
}

TEST(ObjectIndex, LooksAtThoseThatShareTheRarestValue) {
  ObjectIndex index;
  for (std::uint64_t handle = 1; handle <= 1000; ++handle)
    index.add(handle, labelled(std::to_string(handle % 500)));
  EXPECT_EQ(look_up(index, labelled("7")), (Handles{7, 507}));
  EXPECT_EQ(look_up(index, labelled("500")), Handles{});
  EXPECT_EQ(look_up(index, labelled("")).size(), 1000u);
  EXPECT_EQ(look_up(index, {}).size(), 1000u);
  AttributeSet other_class;
  other_class.set_number(CKA_CLASS, CKO_SECRET_KEY);
  EXPECT_EQ(look_up(index, other_class), Handles{});
  AttributeSet empty_label;
  empty_label.set(CKA_LABEL, {});  // an object without a label has it, too
  EXPECT_EQ(look_up(index, empty_label).size(), 1000u);
}

TEST(ObjectIndex, ForgetsAndKeepsOrder) {
  ObjectIndex index;
  for (const std::uint64_t handle : {5, 3, 9, 1, 7}) index.add(handle, labelled("same"));
  EXPECT_EQ(look_up(index, labelled("same")), (Handles{1, 3, 5, 7, 9}));
  index.remove(1, labelled("same"));
  index.remove(7, labelled("same"));
  index.remove(7, labelled("same"));
  EXPECT_EQ(look_up(index, labelled("same")), (Handles{3, 5, 9}));
  for (const std::uint64_t handle : {3, 5, 9}) index.remove(handle, labelled("same"));
  EXPECT_EQ(look_up(index, labelled("same")), Handles{});
  EXPECT_EQ(look_up(index, {}), Handles{});
}

TEST(ObjectIndex, AnyOrderOfComingAndGoing) {
  std::mt19937 random(20261124);
  ObjectIndex index;
  std::map<std::uint64_t, std::string> model;
  for (int step = 0; step < 20000; ++step) {
    const std::uint64_t handle = random() % 300 + 1;
    if (const auto known = model.find(handle); known != model.end()) {
      index.remove(handle, labelled(known->second));
      model.erase(known);
    } else {
      const std::string label = std::to_string(random() % 100);
      index.add(handle, labelled(label));
      model.emplace(handle, label);
    }
    const std::string wanted = std::to_string(random() % 100);
    Handles expected;
    for (const auto& [each, label] : model) {
      if (label == wanted) expected.push_back(each);
    }
    ASSERT_EQ(look_up(index, labelled(wanted)), expected);
    ASSERT_EQ(look_up(index, {}).size(), model.size());
  }
}

class TokenFindTest : public TokenTest {
 protected:
  void SetUp() override {
    TokenTest::SetUp();
    session = open_session();
    login(session);
  }
  CK_OBJECT_HANDLE make(std::string_view label, ByteString id, bool on_token, bool is_private) {
    Attributes attributes;
    attributes.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, ByteString(16, 1))
        .flag(CKA_TOKEN, on_token)
        .flag(CKA_PRIVATE, is_private)
        .label(label)
        .bytes(CKA_ID, std::move(id));
    CK_OBJECT_HANDLE object = 0;
    EXPECT_CKR(CKR_OK, c().C_CreateObject(session, attributes.data(), attributes.count(), &object));
    return object;
  }
  using Found = std::multiset<CK_OBJECT_HANDLE>;
  static Found by_label(CK_SESSION_HANDLE in, std::string_view label) {
    Attributes wanted;
    wanted.label(label);
    const auto found = find(in, wanted);
    return {found.begin(), found.end()};
  }
  CK_SESSION_HANDLE session = 0;
};

TEST_F(TokenFindTest, EveryKindOfObjectIsFoundByEveryIndexedAttribute) {
  for (const bool on_token : {false, true}) {
    for (const bool is_private : {false, true}) {
      const std::string label = std::string("k") + char('0' + on_token) + char('0' + is_private);
      const CK_OBJECT_HANDLE key = make(label, bytes_of(label), on_token, is_private);
      EXPECT_EQ(by_label(session, label), Found{key});
      Attributes by_id;
      by_id.bytes(CKA_ID, bytes_of(label)).number(CKA_CLASS, CKO_SECRET_KEY);
      EXPECT_EQ(find(session, by_id), std::vector{key});
      ByteString unique_id;
      ASSERT_CKR(CKR_OK, get(session, key, CKA_UNIQUE_ID, &unique_id));
      Attributes by_unique_id;
      by_unique_id.bytes(CKA_UNIQUE_ID, unique_id);
      EXPECT_EQ(find(session, by_unique_id), std::vector{key});
      Attributes contradictory;
      contradictory.bytes(CKA_UNIQUE_ID, unique_id).label("other");
      EXPECT_TRUE(find(session, contradictory).empty());
    }
  }
  Attributes by_class;
  by_class.number(CKA_CLASS, CKO_SECRET_KEY);
  EXPECT_EQ(find(session, by_class).size(), 4u);
}

TEST_F(TokenFindTest, ChangesMoveAndDestroyedObjectsGo) {
  for (const bool on_token : {false, true}) {
    const CK_OBJECT_HANDLE key = make("before", {1}, on_token, true);
    const CK_OBJECT_HANDLE other = make("before", {2}, on_token, true);
    Attributes change;
    change.label("after").bytes(CKA_ID, {3});
    ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, change.data(), change.count()));
    EXPECT_EQ(by_label(session, "before"), Found{other});
    EXPECT_EQ(by_label(session, "after"), Found{key});
    Attributes back;
    back.label("before");
    ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, key, back.data(), back.count()));
    EXPECT_EQ(by_label(session, "before"), (Found{key, other}));
    EXPECT_TRUE(by_label(session, "after").empty());
    Attributes nameless;
    nameless.label("");
    ASSERT_CKR(CKR_OK, c().C_SetAttributeValue(session, other, nameless.data(), nameless.count()));
    EXPECT_EQ(by_label(session, ""), Found{other});
    ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, key));
    ASSERT_CKR(CKR_OK, c().C_DestroyObject(session, other));
    EXPECT_TRUE(by_label(session, "before").empty());
  }
}

TEST_F(TokenFindTest, AnAttributeThatReadsAsEmptyIsFoundAsEmpty) {
  const CK_OBJECT_HANDLE key = make_aes(session);  // its template names no label
  EXPECT_EQ(by_label(session, ""), Found{key});
  Attributes no_dates;
  no_dates.bytes(CKA_START_DATE, {});
  EXPECT_EQ(find(session, no_dates), std::vector{key});
  Attributes of_data;
  of_data.bytes(CKA_APPLICATION, {});
  EXPECT_TRUE(find(session, of_data).empty());
}

TEST_F(TokenFindTest, WhoSeesWhat) {
  const CK_OBJECT_HANDLE open = make("name", {1}, true, false);
  make("name", {2}, true, true);
  const CK_OBJECT_HANDLE own = make("name", {3}, false, false);
  make("name", {4}, false, true);
  EXPECT_EQ(by_label(session, "name").size(), 4u);
  CK_BYTE attach_id[SR_ATTACH_ID_BYTES];
  SR_APPLICATION other_application = 0;
  ASSERT_CKR(CKR_OK, sr().SR_OpenApplication(device, attach_id, &other_application));
  const CK_SESSION_HANDLE other = open_session_of(other_application, slot);
  EXPECT_EQ(by_label(other, "name"), Found{open});
  // Another session of this application sees session objects of the first.
  const CK_SESSION_HANDLE second = open_session();
  EXPECT_EQ(by_label(second, "name").size(), 4u);
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_EQ(by_label(second, "name"), (Found{open, own}));
  login(session);
  EXPECT_EQ(by_label(second, "name").size(), 3u);  // the private session object went
  ASSERT_CKR(CKR_OK, c().C_CloseSession(session));
  EXPECT_EQ(by_label(second, "name").size(), 2u);
}

TEST_F(TokenFindTest, ProfilesAndMechanismsShowThemselvesToThoseWhoAsk) {
  Attributes all;
  EXPECT_TRUE(find(session, all).empty());
  Attributes profiles;
  profiles.number(CKA_CLASS, CKO_PROFILE);
  const auto found = find(session, profiles);
  ASSERT_FALSE(found.empty());
  CK_ULONG id = 0;
  CK_ATTRIBUTE attribute{CKA_PROFILE_ID, &id, sizeof(id)};
  ASSERT_CKR(CKR_OK, c().C_GetAttributeValue(session, found[0], &attribute, 1));
  EXPECT_EQ(id, CKP_BASELINE_PROVIDER);
  Attributes by_number;
  by_number.number(CKA_PROFILE_ID, CKP_BASELINE_PROVIDER);
  EXPECT_EQ(find(session, by_number), std::vector{found[0]});

  Attributes mechanisms;
  mechanisms.number(CKA_CLASS, CKO_MECHANISM).flag(CKA_TOKEN, true);
  CK_ULONG count = 0;
  ASSERT_CKR(CKR_OK, c().C_GetMechanismList(slot, nullptr, &count));
  EXPECT_EQ(find(session, mechanisms).size(), count);
  Attributes gcm;
  gcm.number(CKA_MECHANISM_TYPE, CKM_AES_GCM);
  ASSERT_EQ(find(session, gcm).size(), 1u);

  // Nobody changes them, and they stay through logins.
  const CK_OBJECT_HANDLE profile = found[0];
  EXPECT_CKR(CKR_ACTION_PROHIBITED, c().C_DestroyObject(session, profile));
  Attributes label;
  label.label("mine");
  EXPECT_CKR(CKR_ACTION_PROHIBITED,
             c().C_SetAttributeValue(session, profile, label.data(), label.count()));
  CK_OBJECT_HANDLE copy = 0;
  EXPECT_CKR(CKR_ACTION_PROHIBITED, c().C_CopyObject(session, profile, nullptr, 0, &copy));
  ByteString out;
  EXPECT_CKR(CKR_ATTRIBUTE_TYPE_INVALID, get(session, profile, CKA_VALUE, &out));
  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  EXPECT_CKR(CKR_KEY_TYPE_INCONSISTENT, c().C_SignInit(session, &mechanism, profile));
  ASSERT_CKR(CKR_OK, c().C_Logout(session));
  EXPECT_EQ(find(session, profiles), found);
}

}  // namespace
}  // namespace strongroom::test
