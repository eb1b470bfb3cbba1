import java.io.*;
import java.security.*;
import java.security.cert.Certificate;
import java.util.Arrays;

/**
 * A SunPKCS11 key store as programs use it: Pkcs11KeyStore CONFIGURATION PIN PKCS12. Takes a private key and its certificate
 * from a PKCS#12 file (same PIN, alias "made"), keeps both in the token, and works with them. One line for each thing that
 * works.
 */
public class Pkcs11KeyStore {
  static void check(String name, boolean good) {
    System.out.println(name + (good ? " ok" : " wrong"));
  }

  static boolean signs(PrivateKey key, Certificate certificate, Provider token) throws Exception {
    byte[] message = "a message".getBytes();
    String algorithm = key.getAlgorithm().equals("EC") ? "SHA256withECDSA" : "SHA256withRSA";
    Signature signing = Signature.getInstance(algorithm, token);
    signing.initSign(key);
    signing.update(message);
    byte[] signature = signing.sign();
    Signature peer = Signature.getInstance(algorithm);
    peer.initVerify(certificate);
    peer.update(message);
    return peer.verify(signature);
  }

  public static void main(String[] arguments) throws Exception {
    Provider token = Security.getProvider("SunPKCS11").configure(arguments[0]);
    char[] pin = arguments[1].toCharArray();
    KeyStore outside = KeyStore.getInstance("PKCS12");
    try (InputStream file = new FileInputStream(arguments[2])) {
      outside.load(file, pin);
    }
    PrivateKey key = (PrivateKey) outside.getKey("made", pin);
    Certificate[] chain = outside.getCertificateChain("made");

    KeyStore store = KeyStore.getInstance("PKCS11", token);
    store.load(null, pin);
    store.setKeyEntry("kept", key, null, chain);

    // As another program finds it.
    KeyStore again = KeyStore.getInstance("PKCS11", token);
    again.load(null, pin);
    check("key entry", again.isKeyEntry("kept"));
    check("certificate", Arrays.equals(again.getCertificate("kept").getEncoded(), chain[0].getEncoded()));
    PrivateKey kept = (PrivateKey) again.getKey("kept", null);
    check("private key stays inside", kept.getEncoded() == null);
    check("signature", signs(kept, chain[0], token));
    again.deleteEntry("kept");
    check("deleted", !again.containsAlias("kept"));
  }
}
