/*
 * Conformance.java DIR: Java's PKIX validator over the corpus of 140_conformance.pl. DIR has certs/, crls/, roots.pem, ints.pem and ocsp/.
 * Every certificate is parsed and its path validated, every CRL parsed and its signature verified. Prints a line for each that fails, and
 * counts. With a second argument, a command that answers one OCSP request from a file into a file, Java asks as an OCSP client over HTTP.
 */
import com.sun.net.httpserver.*;
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.Security;
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
		File[] out = new File(dir).listFiles();
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
			Files.write(Paths.get(dir, "java.req"), request);
			try {
				new ProcessBuilder("sh", "-c", command + " " + dir + "/java.req " + dir + "/java.resp").inheritIO().start().waitFor();
			} catch (InterruptedException e) {
				throw new IOException(e);
			}
			byte[] answer = Files.readAllBytes(Paths.get(dir, "java.resp"));
			exchange.getResponseHeaders().set("Content-Type", "application/ocsp-response");
			exchange.sendResponseHeaders(200, answer.length);
			exchange.getResponseBody().write(answer);
			exchange.close();
		});
		server.start();
		return server;
	}

	static String ask(X509Certificate leaf, List<X509Certificate> path, Set<TrustAnchor> anchors, URI responder) throws Exception {
		PKIXParameters p = new PKIXParameters(anchors);
		CertPathValidator v = CertPathValidator.getInstance("PKIX");
		PKIXRevocationChecker c = (PKIXRevocationChecker) v.getRevocationChecker();
		c.setOptions(EnumSet.of(PKIXRevocationChecker.Option.ONLY_END_ENTITY, PKIXRevocationChecker.Option.NO_FALLBACK));
		c.setOcspResponder(responder);
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
				/* Some live for seconds. */
				p.setDate(new Date(leaf.getNotBefore().getTime() + 1000));
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
		if (a.length > 1) {
			HttpServer server = responder(a[0], a[1]);
			URI uri = new URI("http://127.0.0.1:" + server.getAddress().getPort());
			for (String name : new String[] {"good", "revoked"}) {
				X509Certificate leaf = all(a[0] + "/ocsp/" + name + ".pem").get(0);
				/* jdk.security.certpath.ocspNonce is read once: nonce or not is the command line's. */
				System.out.println("ocsp " + name + " " + ask(leaf, path(leaf, ints), anchors, uri));
			}
			server.stop(0);
		}
	}
}
