# A renewal has the extensions of what it renews, as OpenSSL reads them: those that the request asked for, and the names and usages that
# it left out. With the same key, with a new one, by the worker, and again.
use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = CertmgrTest::cluster('renewal');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub pem { my ($id) = @_; return sql("SELECT certmgr.certificate_pem($id)") . "\n"; }

# All extensions as text; without the key's own identifier when the keys differ.
sub extensions
{
	my ($id, $keys_differ) = @_;
	my ($text) = CertmgrTest::openssl_text('x509', pem($id), '-text') =~ /X509v3 extensions:\n(.*?)\n    Signature /s;
	$text =~ s/X509v3 Subject Key Identifier: *\n.*\n// if $keys_differ;
	return $text;
}

sub names { my ($id) = @_; return CertmgrTest::openssl_text('x509', pem($id), '-ext', 'subjectAltName') =~ s/.*\n\s*(.*)\n/$1/sr; }

sub spki { my ($id) = @_; return CertmgrTest::openssl_text('x509', pem($id), '-pubkey'); }

sub same
{
	my ($new, $old, $what, $keys_differ) = @_;
	is(extensions($new, $keys_differ), extensions($old, $keys_differ), "$what: the same extensions");
	is(spki($new) eq spki($old) ? 'same' : 'new', $keys_differ ? 'new' : 'same', "$what: " . ($keys_differ ? 'a new key' : 'the same key'));
}

sql(q{SELECT certmgr.create_root_ca('root', 'CN=Root', path_length => 3, crl_url => 'http://crl.example/{ca}.crl', ocsp_url => 'http://ocsp.example/');
	SELECT certmgr.create_template('web', subject => '{"CN": true}', sans => '{"dns": {}}', usages => '{digitalSignature,serverAuth}', allowed_usages => '{digitalSignature,serverAuth,clientAuth,keyAgreement}',
		extensions => '{"1.2.3.4.5": {"value": "0500"}, "1.2.3.4.6": {"from_request": true, "critical": true}, "1.3.6.1.5.5.7.1.24": {"from_request": true}}');
	SELECT certmgr.create_template('sub', subject => '{"CN": true}', sans => '{}', ca => true, path_length => 2, usages => '{keyCertSign,cRLSign}', lifetime => '1 year')});

# ---- without a subscriber: usages, names and extensions are the request's ----

my (undef, $csr) = CertmgrTest::make_csr('/CN=a.example.com', 'DNS:a.example.com,DNS:b.example.com', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
	'-addext', '1.2.3.4.6=ASN1:UTF8String:asked for', '-addext', 'tlsfeature=status_request', '-addext', 'keyUsage=critical,digitalSignature,keyAgreement', '-addext', 'extendedKeyUsage=clientAuth');
my $first = sql("SELECT certmgr.issue_from('root', csr => '$csr', template => 'web')");
like(extensions($first), qr/1\.2\.3\.4\.6: critical.*asked for/s, 'issued with the extension of the request');
like(extensions($first), qr/status_request/, 'and with must-staple');
my $second = sql("SELECT certmgr.renew($first, key => 'reuse')");
same($second, $first, 'reuse');
same(sql("SELECT certmgr.renew($second, key => 'reuse')"), $first, 'reuse, a second time');
my $other = sql("SELECT certmgr.renew($second)");
same($other, $first, 'new key', 1);
same(sql("SELECT certmgr.renew($other, key => 'reuse')"), $other, 'reuse of the key that was made here');

# ---- a subscriber's: the request asked for some of its names, and for less than its usages ----

sql(q{SELECT certmgr.create_subscriber('web', 'root', 'CN=a.example.com', '{a.example.com,b.example.com,c.example.com}', template => 'web', usages => '{digitalSignature,keyAgreement,serverAuth}')});
(undef, $csr) = CertmgrTest::make_csr('/CN=a.example.com', 'DNS:a.example.com,DNS:b.example.com', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-addext', '1.2.3.4.6=ASN1:UTF8String:asked for');
my $web = sql("SELECT certmgr.issue('web', '$csr')");
is(names($web), 'DNS:a.example.com, DNS:b.example.com', 'of three names two were asked for');
same(sql("SELECT certmgr.renew($web, key => 'reuse')"), $web, 'reuse for a subscriber');

# The worker.
my $due = sql("SELECT certmgr.issue('web', '$csr')");
sql("UPDATE certmgr.certificate SET renew_at = now() WHERE id = $due; CALL certmgr.work()");
ok(CertmgrTest::poll_until($node, "SELECT count(*) FROM certmgr.certificate WHERE renewed_from = $due AND state = 'issued'", '1'), 'the worker renews it');
same(sql("SELECT id FROM certmgr.certificate WHERE renewed_from = $due"), $due, 'by the worker');

# A subscriber without a template: an EC key that asks for keyEncipherment out of habit gets none, the second time neither.
sql(q{SELECT certmgr.create_subscriber('plain', 'root', sans => '{p.example.com,q.example.com}', key_algorithm => 'RSA-2048', usages => '{digitalSignature,keyEncipherment,serverAuth}')});
(undef, $csr) = CertmgrTest::make_csr('/CN=p.example.com', 'DNS:p.example.com');
my $plain = sql("SELECT certmgr.issue('plain', '$csr')");
unlike(extensions($plain), qr/Key Encipherment/, 'an EC key without keyEncipherment');
same(sql("SELECT certmgr.renew($plain, key => 'reuse')"), $plain, 'reuse without a template');

# ---- what subscriber and template have no longer is not kept ----

sql(q{SELECT certmgr.alter_subscriber('web', sans => '{b.example.com,c.example.com}')});
is(names(sql("SELECT certmgr.renew($web, key => 'reuse')")), 'DNS:b.example.com', 'a name that the subscriber lost is left out');
sql(q{SELECT certmgr.alter_subscriber('web', sans => '{c.example.com,d.example.com}')});
is(names(sql("SELECT certmgr.renew($web, key => 'reuse')")), 'DNS:c.example.com, DNS:d.example.com', 'when it lost all, its new ones count');
sql(q{SELECT certmgr.alter_template('web', extensions => '{"1.2.3.4.5": {"value": "0500"}}')});
my $less = extensions(sql("SELECT certmgr.renew($first, key => 'reuse')"));
unlike($less, qr/1\.2\.3\.4\.6|status_request/, 'extensions that the template takes no longer are left out');
like($less, qr/1\.2\.3\.4\.5/, 'what it fixes is there');
like(extensions(sql("SELECT certmgr.renew($web, key => 'reuse')")), qr/1\.2\.3\.4\.5/, 'the request of before hinders no subscriber');

# ---- a CA elsewhere ----

(undef, $csr) = CertmgrTest::make_csr('/CN=Sub', undef, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-addext', 'basicConstraints=critical,CA:TRUE,pathlen:1', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
my $sub = sql("SELECT certmgr.issue_from('root', csr => '$csr', template => 'sub')");
like(CertmgrTest::openssl_text('x509', pem($sub), '-ext', 'basicConstraints'), qr/CA:TRUE, pathlen:1/, 'a CA with the path length that it asked for');
same(sql("SELECT certmgr.renew($sub, key => 'reuse')"), $sub, 'reuse of a CA');

$node->stop;
done_testing();
