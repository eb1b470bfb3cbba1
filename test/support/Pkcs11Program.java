import java.security.*;
import java.security.spec.*;
import java.util.Arrays;
import javax.crypto.*;
import javax.crypto.spec.*;

/** What a Java program does with SunPKCS11: Pkcs11Program CONFIGURATION PIN. One line for each thing that works. */
public class Pkcs11Program {
  interface Work {
    boolean run() throws Exception;
  }

  static void attempt(String name, Work work) {
    try {
      System.out.println(name + (work.run() ? " ok" : " wrong"));
    } catch (Exception error) {
      Throwable cause = error;
      while (cause.getCause() != null) cause = cause.getCause();
      System.out.println(name + " failed: " + error + ": " + cause);
    }
  }

  static boolean signs(KeyPair pair, Signature signature, Signature peer)
      throws Exception {
    byte[] message = "a message".getBytes();
    signature.initSign(pair.getPrivate());
    signature.update(message, 0, 3);
    signature.update(message, 3, message.length - 3);
    byte[] made = signature.sign();
    signature.initVerify(pair.getPublic());
    signature.update(message);
    // Java's own implementation is the judge, too.
    PublicKey outside = KeyFactory.getInstance(pair.getPublic().getAlgorithm())
        .generatePublic(new X509EncodedKeySpec(pair.getPublic().getEncoded()));
    peer.initVerify(outside);
    peer.update(message);
    return signature.verify(made) && peer.verify(made);
  }

  public static void main(String[] arguments) throws Exception {
    Provider token = Security.getProvider("SunPKCS11").configure(arguments[0]);
    KeyStore.getInstance("PKCS11", token).load(null, arguments[1].toCharArray());

    attempt("SecureRandom", () -> {
      byte[] bytes = new byte[16];
      SecureRandom.getInstance("PKCS11", token).nextBytes(bytes);
      return !Arrays.equals(bytes, new byte[16]);
    });
    attempt("AES/GCM", () -> {
      KeyGenerator generator = KeyGenerator.getInstance("AES", token);
      generator.init(256);
      SecretKey key = generator.generateKey();
      Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding", token);
      byte[] plain = "a message".getBytes();
      GCMParameterSpec parameters = new GCMParameterSpec(128, new byte[12]);
      cipher.init(Cipher.ENCRYPT_MODE, key, parameters);
      cipher.updateAAD("context".getBytes());
      byte[] sealed = cipher.doFinal(plain);
      cipher.init(Cipher.DECRYPT_MODE, key, parameters);
      cipher.updateAAD("context".getBytes());
      return Arrays.equals(cipher.doFinal(sealed), plain);
    });
    attempt("ECDSA", () -> {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", token);
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      return signs(generator.generateKeyPair(),
          Signature.getInstance("SHA256withECDSA", token), Signature.getInstance("SHA256withECDSA", "SunEC"));
    });
    attempt("RSASSA-PSS", () -> {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
      generator.initialize(2048);
      PSSParameterSpec parameters =
          new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1);
      Signature signature = Signature.getInstance("RSASSA-PSS", token);
      Signature peer = Signature.getInstance("RSASSA-PSS", "SunRsaSign");
      signature.setParameter(parameters);
      peer.setParameter(parameters);
      return signs(generator.generateKeyPair(), signature, peer);
    });
    attempt("HmacSHA256", () -> {
      byte[] key = new byte[32];
      Arrays.fill(key, (byte) 7);
      Mac mac = Mac.getInstance("HmacSHA256", token);
      Mac peer = Mac.getInstance("HmacSHA256", "SunJCE");
      for (Mac each : new Mac[] {mac, peer}) each.init(new SecretKeySpec(key, "HmacSHA256"));
      return Arrays.equals(mac.doFinal("a message".getBytes()), peer.doFinal("a message".getBytes()));
    });
    attempt("SHA-256", () -> Arrays.equals(
        MessageDigest.getInstance("SHA-256", token).digest("a message".getBytes()),
        MessageDigest.getInstance("SHA-256", "SUN").digest("a message".getBytes())));
  }
}
