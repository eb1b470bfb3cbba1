// Known answers of RSA and ECDSA. Random bytes are fixed meanwhile, so that a test needs no entropy
// and padded results can be compared.
#include <algorithm>
#include <span>

#include "token/algorithms/random_provider.h"
#include "token/algorithms/secp256k1.h"
#include "token/algorithms/unchecked.h"
#include "token/self_test/known_answer_support.h"
#include "token/self_test/known_answers.h"

namespace strongroom::self_test::known_answers {
namespace {

using algorithms::Curve;
using algorithms::FixedRandomness;
using algorithms::Hash;
using algorithms::PrivateKey;
namespace unchecked = algorithms::unchecked;

constexpr std::size_t kModulusBytes = 256;  // of both RSA keys below

std::shared_ptr<PrivateKey> private_key(Bytes pkcs8) {
  std::shared_ptr<PrivateKey> key;
  Secret value(pkcs8);
  return value && make_private_key(std::move(value), &key) == CKR_OK ? key : nullptr;
}

// A published signature verifies, one with another bit does not, and what the private key signs
// verifies. libsecp256k1 also has a mode in which it must give the published signature; OpenSSL's
// nonces are random, so that there is no known answer to compare them with.
template <std::size_t N>
bool ecdsa(Curve curve, Bytes pkcs8, Bytes digest, const Array<N>& published, bool corrupt) {
  const FixedRandomness fixed;
  const bool deterministic = algorithms::secp256k1::kBuiltIn && curve == Curve::kSecp256k1;
  const auto key = private_key(pkcs8);
  if (key == nullptr || key->public_key()->curve() != curve) return false;
  Array<N> signature = published;
  if (corrupt) signature[0] ^= 1;
  if (unchecked::ecdsa_verify(*key->public_key(), digest, signature) != CKR_OK) return false;
  signature[N - 1] ^= 1;
  if (unchecked::ecdsa_verify(*key->public_key(), digest, signature) != CKR_SIGNATURE_INVALID)
    return false;
  return unchecked::ecdsa_sign(*key, digest, {}, signature) == CKR_OK &&
         (!deterministic || signature == published) &&
         unchecked::ecdsa_verify(*key->public_key(), digest, signature) == CKR_OK;
}

}  // namespace

bool rsa_signature(bool corrupt) {
  // rsa_pkcs1_2048_sig_gen_test.json, test 83, and its key. PSS: computed from RFC 8017 with
  // Python's integers, salt 00 01 … 1f.
  static constexpr auto kKey =
      hex("308204bd020100300d06092a864886f70d010101050"
          "0048204a7308204a30201000282010100a2b451a0"
          "7d0aa5f96e455671513550514a8a5b462ebef717094"
          "fa1fee82224e637f9746d3f7cafd31878d80325b6"
          "ef5a1700f65903b469429e89d6eac8845097b5ab393"
          "189db92512ed8a7711a1253facd20f79c15e8247f"
          "3d3e42e46e48c98e254a2fe9765313a03eff8f17e1a"
          "029397a1fa26a8dce26f490ed81299615d9814c22"
          "da610428e09c7d9658594266f5c021d0fceca08d945"
          "a12be82de4d1ece6b4c03145b5d3495d4ed5411eb"
          "878daf05fd7afc3e09ada0f1126422f590975a19698"
          "16f48698bcbba1b4d9cae79d460d8f9f85e797500"
          "5d9bc22c4e5ac0f7c1a45d12569a62807d3b9a02e5a"
          "530e773066f453d1f5b4c2e9cf7820283f742b9d5"
          "0203010001028201007627eef3567b2a27268e52053"
          "ecd31c3a7172ccb9ddcee819b306a5b3c66b7573c"
          "a4fa88efc6f3c4a00bfa0ae7139f64543a4dac3d058"
          "23f6ff477cfcec84fe2ac7a68b17204b390232e11"
          "0310c4e899c4e7c10967db4acde042dbbf19dbe00b4"
          "b4741de1020aaaaffb5054c797c9f136f7d93ac3f"
          "c8caff6654242d7821ebee517bf537f44366a0fdd45"
          "ae05b9909c2e6cc1ed9281eff4399f76c96b96233"
          "ec29ae0bbf0d752b234fc197389f51050aa1acd01c0"
          "74c3ac8fbdb9ea8b651a95995e8db4ad5c43b6c86"
          "73e5a126e7ee94b8dff4c5afc01259bc8da76950bae"
          "6f8bae715f50985b0d6f66d04c6fef3b700720eec"
          "dcdf171bb7b1ecbe7289c467c102818100dc431050f"
          "782e894fb5248247d98cb7d58b8d1e24f3b55d041"
          "c56e4de086b0d5bb028bda42eeb5d234d5681e5809d"
          "415e6a289ad4cfbf78f978f6c35814f50eebff1c5"
          "b80a69f788e81e6bab5ddaa78369d659d143ec6f17e"
          "79813a575cfad9c569156b90113e2e9110ad9e7b4"
          "8a1c9348a6e653321191290ea36cfb3a5b18f102818"
          "100bd1a81e7977f9898122273ae3222b598ea5fb1"
          "9eb4eabc38308a5e32196603b2e500ffb79f5b88681"
          "6611debc472fac45544070beb057c941378a6868a"
          "f3b7a03d3f9880ec47d5e089b94fbde542aba9ae8d7"
          "2c57088d7abf5b131f39098f7bc160f90536abc94"
          "92fd4e06f3ed7299d4b97bb03677207d95669f140cf"
          "bc20f2502818100a94b528b28f291599121d91952"
          "ffd1c7f21d7c1479d99d478885fb161870ee1218bf0"
          "8472612dbe5497e8d9c650688e09c786961ae3e2c"
          "354dc48ae34514759c4c23c4588488961dc06b414e6"
          "1c0e1e7fbbd2923d31532fe289f96da220711e58c"
          "14019808e00414276933bb07e4efb9b4a9b37656917"
          "205209f33f09515d7c10281803af0e72a933aef09"
          "ff2503df78bafed531c02ff1a2bc437c540cdcbd4ad"
          "35435cf511763596543480629b114ca7f780ff7ef"
          "a32ea0cb6e000d6d9ea1f2ef71fd9cf9948422a1655"
          "57e37e755edfe70d90b920502eb478bc98a63f788"
          "ce3a0f856d6ede7251a383bfa8fa480a81a925af7b3"
          "cc538c4bab8c9f7597ffb68011d8d0281802640fb"
          "fbcfefb163ee7a87b6483a66ee41f956d90fa8a7939"
          "bfc042ee0924b1b7993d0445f758d51933e85179c"
          "0320b0c968b48a91c38b5be923e1097c0c562f88d42"
          "294b6a2759bafa5428a74f1270874e45f6fcc60f2"
          "1602de5eccd143cf31241f5921b5ad3983fb54ef17b"
          "e3b285367e50c999c67247b552fe4bfce945f7b");
  static constexpr auto kPkcs1 =
      hex("264491e844c119f14e425c03282139a558dcdaeb82a4628173cd407fd319f9076eae"
          "bc0dd87a1c22e4d1"
          "7839096886d58a9d5b7f7aeb63efec56c45ac7bead4203b6886e1faa90e028ec0ae0"
          "94d46bf3f97efdd1"
          "9045cfbc25a1abda2432639f9876405c0d68f8edbf047c12a454f7681d5d5a2b54bd"
          "3723d193dbad4338"
          "baad753264006e2d08931c4b8bb79aa1c9cad10eb6605f87c5831f6e2b08e002f9c6"
          "f21141f5841d9272"
          "7dd3e1d99c36bc560da3c9067df99fcaf818941f72588be33032bad22caf6704223b"
          "b114d575b6d02d9d"
          "222b580005d930e8f40cce9f672eebb634a20177d84351627964b83f2053d736a84a"
          "b1a005f63bd5ba94"
          "3de6205c");
  static constexpr auto kPss =
      hex("848cb4224a0c1f8d0974916a1f8b56ac64132c7c2d0"
          "c8e23ac05a25c5f81c4282365ca7e6dec3ec630cb"
          "c56c4ae88178897cf2dd0ae308500441e81bfb41407"
          "cabe3d3db461797f6a6bf57299f3b34edcb0b8bf5"
          "68d9a6ec5bcb19106523250f5b4accdb5413decd719"
          "4f6ea92f42505e0093fff5595ce38ef96aec0e7e6"
          "1c31f6831d6480d82037c8768a01240bde251f1b8de"
          "49dc03f75d547324f5b7cf2f5b15aad17270b933d"
          "0081328835daa6df09456854f379fdd55b5c0ac8929"
          "347f23ad4029e0b9e1e3677be27fb1e5765a2e4c4"
          "b8a2f07178cb64d52e4f70ac2566b2167835a3aabb9"
          "c16ceace3f90489a330c724d6d3e509ea42f8d1f4"
          "d44a9a50");
  static constexpr algorithms::Pss kParameters{Hash::kSha256, Hash::kSha256, 32};

  const FixedRandomness fixed;
  const auto key = private_key(kKey);
  Array<kModulusBytes> signature{};
  if (key == nullptr ||
      unchecked::rsa_pkcs1_sign(*key, Hash::kSha256, text("Test"), signature) != CKR_OK ||
      !matches(signature, kPkcs1, corrupt))
    return false;
  auto& public_key = *key->public_key();
  if (unchecked::rsa_pkcs1_verify(public_key, Hash::kSha256, text("Test"), kPkcs1) != CKR_OK ||
      unchecked::rsa_pkcs1_verify(public_key, Hash::kSha256, text("test"), kPkcs1) !=
          CKR_SIGNATURE_INVALID)
    return false;
  const FixedRandomness from_the_start;
  return unchecked::rsa_pss_sign(*key, kParameters, false, text("Test"), signature) == CKR_OK &&
         signature == kPss &&
         unchecked::rsa_pss_verify(public_key, kParameters, false, text("Test"), kPss) == CKR_OK &&
         unchecked::rsa_pss_verify(public_key, kParameters, false, text("test"), kPss) ==
             CKR_SIGNATURE_INVALID;
}

bool rsa_oaep(bool corrupt) {
  // rsa_oaep_2048_sha256_mgf1sha256_test.json, test 3, and its key. Encryption: computed from RFC
  // 8017 with Python's integers, seed 00 01 … 1f.
  static constexpr auto kKey =
      hex("308204bd020100300d06092a864886f70d010101050"
          "0048204a7308204a30201000282010100a2b451a0"
          "7d0aa5f96e455671513550514a8a5b462ebef717094"
          "fa1fee82224e637f9746d3f7cafd31878d80325b6"
          "ef5a1700f65903b469429e89d6eac8845097b5ab393"
          "189db92512ed8a7711a1253facd20f79c15e8247f"
          "3d3e42e46e48c98e254a2fe9765313a03eff8f17e1a"
          "029397a1fa26a8dce26f490ed81299615d9814c22"
          "da610428e09c7d9658594266f5c021d0fceca08d945"
          "a12be82de4d1ece6b4c03145b5d3495d4ed5411eb"
          "878daf05fd7afc3e09ada0f1126422f590975a19698"
          "16f48698bcbba1b4d9cae79d460d8f9f85e797500"
          "5d9bc22c4e5ac0f7c1a45d12569a62807d3b9a02e5a"
          "530e773066f453d1f5b4c2e9cf7820283f742b9d5"
          "02030100010282010024cdc62317f5d72a6f6ba6cc9"
          "632899b01d1ff28867d72f61688995bc855a4e420"
          "a8405250089bdb13cf8e09543827b748b9d27fbb2b4"
          "d9e20af8c5a6a862796d1a4cc18ad16ea678bc1bd"
          "4a83bbbe9c5e57453b5ce7388e41a3ba4ce2b77b443"
          "8a229e954f720dae0353dc088ac8a76b26dc276f8"
          "e1b7851ddd6398ad16ff2e78195123b9b036e945c38"
          "c9d12434f6df76fe22359eb3e1ac9c011678fc926"
          "fad3ae475a4fffff55feb2d147e9c894f4c0e29a599"
          "e762462482d968bf42780945fc0d2c31c573c4431"
          "b8f4fe8b8c67bec815abd44f7a86edca1c230873735"
          "8d2c2ae5e2e0e2dadf730980262377e58b13b7d99"
          "92060a0bc870ccfdb4a9319ee102818100dc431050f"
          "782e894fb5248247d98cb7d58b8d1e24f3b55d041"
          "c56e4de086b0d5bb028bda42eeb5d234d5681e5809d"
          "415e6a289ad4cfbf78f978f6c35814f50eebff1c5"
          "b80a69f788e81e6bab5ddaa78369d659d143ec6f17e"
          "79813a575cfad9c569156b90113e2e9110ad9e7b4"
          "8a1c9348a6e653321191290ea36cfb3a5b18f102818"
          "100bd1a81e7977f9898122273ae3222b598ea5fb1"
          "9eb4eabc38308a5e32196603b2e500ffb79f5b88681"
          "6611debc472fac45544070beb057c941378a6868a"
          "f3b7a03d3f9880ec47d5e089b94fbde542aba9ae8d7"
          "2c57088d7abf5b131f39098f7bc160f90536abc94"
          "92fd4e06f3ed7299d4b97bb03677207d95669f140cf"
          "bc20f2502818100a94b528b28f291599121d91952"
          "ffd1c7f21d7c1479d99d478885fb161870ee1218bf0"
          "8472612dbe5497e8d9c650688e09c786961ae3e2c"
          "354dc48ae34514759c4c23c4588488961dc06b414e6"
          "1c0e1e7fbbd2923d31532fe289f96da220711e58c"
          "14019808e00414276933bb07e4efb9b4a9b37656917"
          "205209f33f09515d7c10281803af0e72a933aef09"
          "ff2503df78bafed531c02ff1a2bc437c540cdcbd4ad"
          "35435cf511763596543480629b114ca7f780ff7ef"
          "a32ea0cb6e000d6d9ea1f2ef71fd9cf9948422a1655"
          "57e37e755edfe70d90b920502eb478bc98a63f788"
          "ce3a0f856d6ede7251a383bfa8fa480a81a925af7b3"
          "cc538c4bab8c9f7597ffb68011d8d0281802640fb"
          "fbcfefb163ee7a87b6483a66ee41f956d90fa8a7939"
          "bfc042ee0924b1b7993d0445f758d51933e85179c"
          "0320b0c968b48a91c38b5be923e1097c0c562f88d42"
          "294b6a2759bafa5428a74f1270874e45f6fcc60f2"
          "1602de5eccd143cf31241f5921b5ad3983fb54ef17b"
          "e3b285367e50c999c67247b552fe4bfce945f7b");
  static constexpr auto kPublished =
      hex("5eab3f0741e63986ed647d53e1cd71df041986900803d0f99c68355d249a15a47dc5"
          "b4f70a1914776542"
          "99e5a2731f3b4eec76dea18262fc696ac794e5f66cbfcddac4472c578e246c267075"
          "98055584540b8398"
          "36b1404c5611ae558a984cee8fd036cea924e0be2474a940f61e0acc14fcae95ebdc"
          "59942a9ce9af9a9c"
          "81999f7f6815f057ffdc2533cb15d6391d1e2d95f16f9c04209c889a4c359c7d2926"
          "d28a66e2b030a416"
          "b928d2825627998e5191fb4983a6e65024262d94fc09187a2d78162122433251d1bf"
          "cc8e507d06eba2d2"
          "29c10031261da32ab8ccd15f1c5f9fbf07ed158483d736a110af4b44d6a4da60d6cb"
          "519b4454213cf9f0"
          "dc560f2b");
  static constexpr auto kOwn =
      hex("2812865d5e9e32ceed772c76e426980d1bf6eb0b4c9"
          "ffa6cf047dbb3bdcc0199934e40afccfdc214f0eb"
          "132b4334a0abc74ef24b6e3d4553feb9f9a9dc2a464"
          "8c572399110abeb7bc506ae87533347351920fe94"
          "f11d6adea898ed80c010628be4883ac3020bcfae301"
          "5735c68f4727b13dd50eb73bde7fb4a63b4f39579"
          "283d276e273e76b90d0355c3089bca6b491333602ab"
          "011a98e0443fbbdf3d719e82fed05e5ce46b6525d"
          "7882efb3365b2d160380f028a04f7c290d4466f990b"
          "8289795838f04659b3d53a1a5c837f893187dad78"
          "1cd3dae7d82b52f3a537a49838d0a9cb76cf5870b4d"
          "ec6b0d8c25f87f95a1c41689c4a6e1381fb3cad80"
          "3d6ca78d");
  static constexpr auto kPlaintext = hex("54657374");  // "Test"
  static constexpr algorithms::Oaep kParameters{Hash::kSha256, Hash::kSha256, {}};

  const FixedRandomness fixed;
  const auto key = private_key(kKey);
  if (key == nullptr) return false;
  Array<kModulusBytes> plaintext{};
  std::size_t length = 0;
  if (unchecked::rsa_oaep_decrypt(*key, kParameters, kPublished, plaintext, &length) != CKR_OK ||
      length != kPlaintext.size())
    return false;
  Array<kPlaintext.size()> decrypted{};
  std::ranges::copy(std::span(plaintext).first(length), decrypted.begin());
  if (!matches(decrypted, kPlaintext, corrupt)) return false;
  const FixedRandomness from_the_start;
  Array<kModulusBytes> ciphertext{};
  if (unchecked::rsa_oaep_encrypt(*key->public_key(), kParameters, kPlaintext, ciphertext) !=
          CKR_OK ||
      ciphertext != kOwn)
    return false;
  ciphertext[kModulusBytes - 1] ^= 1;
  return unchecked::rsa_oaep_decrypt(*key, kParameters, ciphertext, plaintext, &length) ==
         CKR_ENCRYPTED_DATA_INVALID;
}

bool ecdsa_p256(bool corrupt) {
  static constexpr auto kKey =
      hex("308187020100301306072a8648ce3d020106082a864"
          "8ce3d030107046d306b0201010420c9afa9d845ba"
          "75166b5c215767b1d6934e50c3db36e89b127b8a622"
          "b120f6721a1440342000460fed4ba255a9d31c961"
          "eb74c6356d68c049b8923b61fa6ce669622e60f29fb"
          "67903fe1008b8bc99a41ae9e95628bc64f2f1b20c"
          "2d7e9f5177a3c294d4462299");
  static constexpr auto kDigest =
      hex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
  static constexpr auto kSignature =
      hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb"
          "1c942d657c41d436"
          "c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  return ecdsa(Curve::kP256, kKey, kDigest, kSignature, corrupt);
}

bool ecdsa_p384(bool corrupt) {
  static constexpr auto kKey =
      hex("3081b6020100301006072a8648ce3d020106052b810"
          "4002204819e30819b02010104306b9d3dad2e1b8c"
          "1c05b19875b6659f4de23c3b667bf297ba9aa477407"
          "87137d896d5724e4c70a825f872c9ea60d2edf5a1"
          "6403620004ec3a4e415b4e19a4568618029f427fa5d"
          "a9a8bc4ae92e02e06aae5286b300c64def8f0ea90"
          "55866064a254515480bc138015d9b72d7d57244ea8e"
          "f9ac0c621896708a59367f9dfb9f54ca84b3f1c9d"
          "b1288b231c3ae0d4fe7344fd2533264720");
  static constexpr auto kDigest =
      hex("9a9083505bc92276aec4be312696ef7bf3bf603f4bbd381196a029f340585312313b"
          "ca4a9b5b890efee4"
          "2c77b1ee25fe");
  static constexpr auto kSignature =
      hex("94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a6"
          "48152e44acf96e36"
          "dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351"
          "d0a3a94fa329c145"
          "786e679e7b82c71a38628ac8");
  return ecdsa(Curve::kP384, kKey, kDigest, kSignature, corrupt);
}

bool ecdsa_p521(bool corrupt) {
  static constexpr auto kKey =
      hex("3081ee020100301006072a8648ce3d020106052b810400230481d63081d302010104"
          "4200fad06daa62ba"
          "3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70"
          "855836a6d16fcc14"
          "66f6d8fbec67db89ec0c08b0e996b83538a18189038186000401894550d0785932e0"
          "0eaa23b694f213f8"
          "c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38"
          "ffa16d2bd761dcac"
          "474b9a2f5023a400493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354"
          "d6630f746a28a0db"
          "25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5");
  static constexpr auto kDigest =
      hex("39a5e04aaff7455d9850c605364f514c11324ce64016960d23d5dc57d3ffd8f49a73"
          "9468ab8049bf18ee"
          "f820cdb1ad6c9015f838556bc7fad4138b23fdf986c7");
  static constexpr auto kSignature =
      hex("00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e"
          "25a1ee9017b5d450"
          "606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c4"
          "67f678d3b4080d6f"
          "1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8"
          "ccb1dccc43997f1e"
          "e0e44da4a67a");
  return ecdsa(Curve::kP521, kKey, kDigest, kSignature, corrupt);
}

bool ecdsa_secp256k1(bool corrupt) {
  static constexpr auto kKey =
      hex("308184020100301006072a8648ce3d020106052b810"
          "4000a046d306b0201010420000000000000000000"
          "0000000000000000000000000000000000000000000"
          "001a1440342000479be667ef9dcbbac55a06295ce"
          "870b07029bfcdb2dce28d959f2815b16f81798483ad"
          "a7726a3c4655da4fbfc0e1108a8fd17b448a68554"
          "199c47d08ffb10d4b8");
  static constexpr auto kDigest =
      hex("a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e");
  static constexpr auto kSignature =
      hex("934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442"
          "ce9d2b9160641080"
          "14783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
  return ecdsa(Curve::kSecp256k1, kKey, kDigest, kSignature, corrupt);
}

}  // namespace strongroom::self_test::known_answers
