/*
 * Conformance.java DIR COMMAND: Java's PKIX validator over the corpus of 140_conformance.pl. DIR has certs/, crls/, roots.pem, ints.pem and ocsp/.
 * Every certificate is parsed and its path validated, every CRL parsed and its signature verified. Prints a line for each that fails, and
 * counts. Then Java is an OCSP client over HTTP, whose responder has its answers from COMMAND: it reads a request from one file and writes
 * the answer to another.
 */
import com.sun.net.httpserver.*;
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.SecureRandom;
import java.security.cert.*;
import java.util.*;
import javax.security.auth.x500.X500Principal;

public class Conformance {
	static CertificateFactory factory;

	static List<X509Certificate> all(String file) throws Exception {
		List<X509Certificate> out = new ArrayList<>();
		try (InputStream in = new BufferedInputStream(new FileInputStream(file))) {
			for (Certificate c : factory.generateCertificates(in)) out.add((X509Certificate) c);
		}
		return out;
	}

	static File[] files(String dir) {
		/* Known from Java 24 on. */
		File[] out = new File(dir).listFiles((d, name) -> !name.contains("ML-DSA"));
		Arrays.sort(out);
		return out;
	}

	static List<X509Certificate> path(X509Certificate leaf, Map<X500Principal, X509Certificate> ints) {
		List<X509Certificate> path = new ArrayList<>(List.of(leaf));
		for (X509Certificate up = ints.get(leaf.getIssuerX500Principal()); up != null && path.size() < 5; up = ints.get(up.getIssuerX500Principal())) path.add(up);
		return path;
	}

	static String why(Throwable e) {
		return e.toString() + (e.getCause() != null ? " / " + e.getCause() : "");
	}

	/* A responder on a free port whose answers the command gives. */
	static HttpServer responder(String dir, String command) throws Exception {
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		server.createContext("/", exchange -> {
			byte[] request = exchange.getRequestBody().readAllBytes();
			/* Java asks by GET when the request is small. */
			if (exchange.getRequestMethod().equals("GET"))
				request = Base64.getDecoder().decode(URLDecoder.decode(exchange.getRequestURI().getRawPath().substring(1), "UTF-8"));
			Files.write(Paths.get(dir, "ocsp", "java.req"), request);
			try {
				new ProcessBuilder("sh", "-c", command + " " + dir + "/ocsp/java.req " + dir + "/ocsp/java.resp").inheritIO().start().waitFor();
			} catch (InterruptedException e) {
				throw new IOException(e);
			}
			byte[] answer = Files.readAllBytes(Paths.get(dir, "ocsp", "java.resp"));
			exchange.getResponseHeaders().set("Content-Type", "application/ocsp-response");
			exchange.sendResponseHeaders(200, answer.length);
			exchange.getResponseBody().write(answer);
			exchange.close();
		});
		server.start();
		return server;
	}

	static String ask(List<X509Certificate> path, Set<TrustAnchor> anchors, URI responder, boolean nonce) throws Exception {
		PKIXParameters p = new PKIXParameters(anchors);
		CertPathValidator v = CertPathValidator.getInstance("PKIX");
		PKIXRevocationChecker c = (PKIXRevocationChecker) v.getRevocationChecker();
		c.setOptions(EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY, PKIXRevocationChecker.Option.NO_FALLBACK));
		c.setOcspResponder(responder);
		if (nonce) {
			byte[] value = new byte[34];
			new SecureRandom().nextBytes(value);
			value[0] = 4;
			value[1] = 32;
			c.setOcspExtensions(List.of(new java.security.cert.Extension() {
				public String getId() { return "1.3.6.1.5.5.7.48.1.2"; }
				public boolean isCritical() { return false; }
				public byte[] getValue() { return value; }
				public void encode(OutputStream out) throws IOException {
					/* Extension ::= SEQUENCE { OID, OCTET STRING } */
					out.write(HexFormat.of().parseHex("302f06092b06010505073001020422"));
					out.write(value);
				}
			}));
		}
		p.addCertPathChecker(c);
		try {
			v.validate(factory.generateCertPath(path), p);
			return "good";
		} catch (CertPathValidatorException e) {
			return e.getReason() == CertPathValidatorException.BasicReason.REVOKED ? "revoked" : why(e);
		}
	}

	public static void main(String[] a) throws Exception {
		factory = CertificateFactory.getInstance("X.509");
		Set<TrustAnchor> anchors = new HashSet<>();
		Map<X500Principal, X509Certificate> issuers = new HashMap<>(), ints = new HashMap<>();
		for (X509Certificate c : all(a[0] + "/roots.pem")) { anchors.add(new TrustAnchor(c, null)); issuers.put(c.getSubjectX500Principal(), c); }
		for (X509Certificate c : all(a[0] + "/ints.pem")) { ints.put(c.getSubjectX500Principal(), c); issuers.put(c.getSubjectX500Principal(), c); }
		PKIXParameters p = new PKIXParameters(anchors);
		p.setRevocationEnabled(false);
		CertPathValidator v = CertPathValidator.getInstance("PKIX");
		int good = 0, crls = 0;
		for (File f : files(a[0] + "/certs")) {
			try {
				X509Certificate leaf = all(f.getPath()).get(0);
				leaf.getSubjectAlternativeNames();
				leaf.getExtendedKeyUsage();
				v.validate(factory.generateCertPath(path(leaf, ints)), p);
				good++;
			} catch (Exception e) {
				System.out.println("FAIL " + f.getName() + " " + why(e));
			}
		}
		for (File f : files(a[0] + "/crls")) {
			try (InputStream in = new FileInputStream(f)) {
				X509CRL crl = (X509CRL) factory.generateCRL(in);
				crl.verify(issuers.get(crl.getIssuerX500Principal()).getPublicKey());
				if (crl.getRevokedCertificates() != null) for (X509CRLEntry e : crl.getRevokedCertificates()) e.getRevocationReason();
				crls++;
			} catch (Exception e) {
				System.out.println("FAIL " + f.getName() + " " + why(e));
			}
		}
		System.out.println("certificates " + good + " crls " + crls);
		HttpServer server = responder(a[0], a[1]);
		URI uri = new URI("http://127.0.0.1:" + server.getAddress().getPort());
		for (boolean nonce : new boolean[] {true, false}) {
			for (String name : new String[] {"good", "revoked"}) {
				X509Certificate leaf = all(a[0] + "/ocsp/" + name + ".pem").get(0);
				String answer = ask(path(leaf, ints), anchors, uri, nonce);
				/* Did it ask so? */
				boolean asked = HexFormat.of().formatHex(Files.readAllBytes(Paths.get(a[0], "ocsp", "java.req"))).contains("2b0601050507300102");
				System.out.println("ocsp " + name + (asked ? " with nonce: " : " without nonce: ") + answer);
			}
		}
		server.stop(0);
	}
}
