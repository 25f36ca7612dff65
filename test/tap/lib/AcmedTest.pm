# AcmedTest - runs the scenarios of test/doubles/acmed against certmgr, all of them at once, and judges each.
#
#   my $run = AcmedTest::start('name');         # cluster, BIND, acmed
#   $run->order;                                # a CA, a DNS provider and subscribers each; issue
#   $run->watch(seconds => 150);                # until every scenario has come to its outcome (each => sub {...}: done every round); after hold() with disturb => sub {...}
#                                               # what is done while requests are held: $run->kill_worker, crash, fail_over
#   $run->judge;                                # one test a scenario
#
# Time is not waited for: whatever the worker puts off for more than a second is made due now (three times, some seconds apart, when it
# is renewal information: that is asked for as long as a certificate lives), and how long it wanted to wait is
# written down (public.hurried), so that the delay itself can be judged.
package AcmedTest;

use strict;
use warnings FATAL => 'all';

use CertmgrTest;
use IPC::Run ();
use JSON::PP;
use List::Util qw(min);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $zone = 'example.test';

sub start
{
	my ($name, %o) = @_;
	my $self = bless { kills => 0, seen => {}, judged => {}, nodes => [] }, __PACKAGE__;
	$self->{node} = CertmgrTest::cluster($name, %o, conf => "certmgr.allowed_networks = '127.0.0.0/8, ::1/128'\ncertmgr.max_orders_in_flight = 1000\n");
	$self->{dns} = CertmgrTest::bind();
	$self->{acmed} = CertmgrTest::start_peer('acmed.sh', {}, "DNS_SERVER=$self->{dns}{DNS_SERVER}", "TSIG_KEY=$self->{dns}{TSIG_KEY}", "ZONE=$zone", $o{long} ? 'LONG=1' : ());
	# Those that are of one test are named by it.
	my $only = $o{only} // $ENV{CERTMGR_SCENARIOS} // '';
	$self->{all} = [ grep { " $only " =~ / $_->{name} / || (!$_->{by} && $only eq '') } @{ CertmgrTest::control($self->{acmed}, '/table') } ];
	$self->{rows} = [ grep { !$_->{needs} } @{ $self->{all} } ];
	$self->{node}->safe_psql('postgres', 'CREATE TABLE public.hurried (ca text, kind text, target_id bigint, delay float8, said text, at timestamptz DEFAULT clock_timestamp()); CREATE TABLE public.judged (ca text PRIMARY KEY); CREATE TABLE public.patient (ca text PRIMARY KEY)');
	$self->{node}->safe_psql('postgres', "INSERT INTO public.patient VALUES ('$_->{name}')") for grep { $_->{patient} } @{ $self->{rows} };
	return $self;
}

sub quote { my ($text) = @_; $text =~ s/'/''/g; return "'$text'"; }

# Records that are in the zone before anybody orders.
sub prepare_zone
{
	my ($self) = @_;
	my $script = "server 127.0.0.1 $self->{dns}{DNS_PORT}\nzone $zone\n";
	my $any = 0;
	for my $record (map { @{ $_->{records} } } @{ $self->{rows} })
	{
		my ($name, $type, $value) = split / /, $record, 3;
		$script .= "update add $name. 1 $type " . ($type eq 'TXT' ? qq("$value") : "$value.") . "\n";
		$any = 1;
	}
	return unless $any;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'nsupdate', '-v', '-y', "hmac-sha256:certmgr-setup.:$self->{dns}{TSIG_SECRET}" ], '<', \"${script}send\n", '>', \$out, '2>', \$err) or die "nsupdate: $err";
	return;
}

sub order
{
	my ($self) = @_;
	my $anchors = quote(CertmgrTest::slurp($self->{acmed}{ACME_TLS_CA}));
	my $secret = quote($self->{dns}{TSIG_SECRET});
	my ($make, $issue) = ('', '');
	$self->prepare_zone;
	$self->{txt_before} = CertmgrTest::txt_records($self->{dns}, $zone);
	for my $row (@{ $self->{rows} })
	{
		my $name = quote($row->{name});
		my $n = 0;
		$make .= "SELECT certmgr.create_dns_provider($name, 'rfc2136', " . quote($row->{provider}) . ", $secret);\n"
		  . "SELECT certmgr.create_acme_ca($name, '$row->{directory}', dns_provider => $name, terms_of_service_agreed => true, trust_anchors => $anchors"
		  . ($row->{ca} ? ", $row->{ca}" : '') . ");\n" . ($row->{setup} ? $row->{setup} =~ s/\{ca\}/$row->{name}/gr . ";\n" : '');
		for my $names (@{ $row->{names} })
		{
			my $subscriber = quote("$row->{name} " . ++$n);
			$make .= "SELECT certmgr.create_subscriber($subscriber, $name, auto_renew => " . ($row->{auto_renew} ? 'true' : 'false') . ", sans => ARRAY[" . join(',', map { quote($_) } @$names) . "]);\n";
			$issue .= "SELECT certmgr.issue($subscriber);\n";
		}
	}
	$self->{node}->safe_psql('postgres', "BEGIN;\n$make$issue COMMIT;");
	return;
}

my $state_sql = q{
	SELECT COALESCE(json_agg(r), '[]') FROM (
		SELECT a.name AS ca, c.id, c.state, c.status_message AS message, t.state AS account, COALESCE(t.status_message, a.last_error, a.status_message) AS account_message,
			   o.id AS order_id, o.step, o.polls
		  FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id
		  LEFT JOIN LATERAL (SELECT * FROM certmgr.acme_account t WHERE t.ca_id = a.id ORDER BY t.id DESC LIMIT 1) t ON true
		  LEFT JOIN LATERAL (SELECT * FROM certmgr.acme_order o WHERE o.certificate_id = c.id ORDER BY o.id DESC LIMIT 1) o ON true
		 -- What the CA signed and we refused is in the inventory as well, without an order.
		 WHERE a.type = 'acme' AND o.id IS NOT NULL ORDER BY c.id) r};

# What was put off for more than a second is due now; scenarios that were judged are left alone but for their cleanup. A transaction each,
# and nobody is waited for: the worker takes its locks in another order.
my $hurry_sql = q{
	WITH open AS (SELECT b.ca_id, extract(epoch FROM b.open_until - clock_timestamp()) AS delay, b.reason FROM certmgr.acme_breaker b WHERE b.open_until > clock_timestamp() FOR UPDATE SKIP LOCKED),
	log AS (INSERT INTO public.hurried (ca, kind, target_id, delay, said) SELECT a.name, 'breaker', a.id, open.delay, open.reason FROM open JOIN certmgr.ca a ON a.id = open.ca_id)
	UPDATE certmgr.acme_breaker b SET open_until = clock_timestamp() FROM open WHERE open.ca_id = b.ca_id;
	WITH parked AS (SELECT s.ca_id, s.scope, s.key FROM certmgr.acme_limit_state s WHERE s.parked_until > clock_timestamp() FOR UPDATE SKIP LOCKED)
	UPDATE certmgr.acme_limit_state s SET parked_until = NULL FROM parked p WHERE (s.ca_id, s.scope, s.key) = (p.ca_id, p.scope, p.key);
	WITH late AS (
		SELECT j.id, j.kind, j.target_id, j.last_error, a.name, extract(epoch FROM j.due_at - clock_timestamp()) AS delay
		  FROM certmgr_private.job j
		  LEFT JOIN certmgr.acme_order o ON j.kind IN ('acme_order', 'acme_cleanup') AND o.id = j.target_id
		  LEFT JOIN certmgr.acme_account t ON t.id = CASE j.kind WHEN 'acme_account' THEN j.target_id ELSE o.account_id END
		  LEFT JOIN certmgr.certificate c ON j.kind = 'acme_renewal_info' AND c.id = j.target_id
		  LEFT JOIN certmgr.ca a ON a.id = COALESCE(t.ca_id, c.ca_id)
		 WHERE j.due_at > clock_timestamp() + interval '1.2 s' AND j.lease_until IS NULL
		   AND (j.kind <> 'acme_renewal_info' OR (SELECT count(*) FROM public.hurried h WHERE h.kind = j.kind AND h.target_id = j.target_id) < 3
				AND NOT EXISTS (SELECT FROM public.hurried h WHERE h.kind = j.kind AND h.target_id = j.target_id AND h.at > clock_timestamp() - interval '2.5 s'))
		   AND (j.kind = 'acme_cleanup' OR NOT EXISTS (SELECT FROM public.judged d WHERE d.ca = a.name) AND NOT EXISTS (SELECT FROM public.patient p WHERE p.ca = a.name)) FOR UPDATE OF j SKIP LOCKED),
	log AS (INSERT INTO public.hurried (ca, kind, target_id, delay, said) SELECT name, kind, target_id, delay, last_error FROM late)
	UPDATE certmgr_private.job j SET due_at = clock_timestamp() FROM late WHERE late.id = j.id;
	SELECT certmgr_private.wake();};

# How often that was: what we hurried, or what the jobs themselves count.
my $again_sql = q{
	SELECT GREATEST((SELECT count(*) FROM public.hurried WHERE ca = '{ca}' AND kind IN ('acme_order', 'acme_account')),
		(SELECT COALESCE(sum(j.attempt), 0) FROM certmgr_private.job j
		   LEFT JOIN certmgr.acme_order o ON j.kind = 'acme_order' AND o.id = j.target_id
		   JOIN certmgr.acme_account t ON t.id = CASE j.kind WHEN 'acme_account' THEN j.target_id ELSE o.account_id END
		   JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = '{ca}'))};

sub psql
{
	my ($self, $sql) = @_;
	my ($rc, $out, $err) = $self->{node}->psql('postgres', $sql);
	return $rc == 0 ? $out : undef;
}

my %state_of = (issued => 'issued', failed => 'failed', waiting => 'pending', needs_human => 'pending');

# What is not as it should be with the certificates' states, or nothing.
sub as_wanted
{
	my ($row, $certs) = @_;
	# Renewals have rows of their own.
	my $wanted = ref $row->{outcome} ? $row->{outcome} : { $state_of{ $row->{outcome} } => scalar @$certs };
	my %is;
	$is{ $_->{state} }++ for @$certs;
	my $say = sub { my ($of) = @_; return join ', ', map { "$of->{$_} $_" } grep { $of->{$_} } sort keys %$of; };
	return $say->(\%is) eq $say->($wanted) ? '' : $say->(\%is) . ' instead of ' . $say->($wanted);
}

# Has this scenario come to its outcome? Its certificates' rows are in $certs, what acmed says in $ca.
sub arrived
{
	my ($self, $row, $certs, $ca) = @_;
	my $outcome = ref $row->{outcome} ? 'waiting' : $row->{outcome};
	return 0 unless @$certs >= @{ $row->{names} };
	return 0 if $outcome =~ /^(issued|failed)$/ && grep { $_->{state} eq 'pending' } @$certs;
	# Nothing comes after that, be it the right outcome or not, but what the scenario does then.
	return $self->go_on($row, $certs, $ca) if !grep { $_->{state} eq 'pending' } @$certs;
	for my $kind (keys %{ $row->{least} // {} }) { return 0 if ($ca->{kinds}{$kind} // 0) < $row->{least}{$kind}; }
	return 0 if grep { ($_->{polls} // 0) < ($row->{least_polls} // 0) } @$certs;
	return 0 if $outcome eq 'needs_human' && grep { $_->{account} !~ /^(needs_human|deactivated)$/ } @$certs;
	return 0 if as_wanted($row, $certs);
	return 0 if $row->{delay} && ($self->psql("SELECT count(*) > 0 FROM public.hurried WHERE ca = '$row->{name}' AND delay >= $row->{delay}[0]") // '') ne 't';
	return !grep { $_->{state} eq 'pending' && ($_->{message} // '') !~ /$row->{message}/ && ($_->{account_message} // '') !~ /$row->{message}/ } @$certs;
}

# The scenario's steps after the first outcome, one after the other: [statement, query that becomes true].
sub go_on
{
	my ($self, $row, $certs, $ca) = @_;
	my $name = $row->{name};
	for my $kind (keys %{ $row->{least} // {} }) { return 0 if ($ca->{kinds}{$kind} // 0) < $row->{least}{$kind}; }
	my $steps = $row->{then} // [];
	while (($self->{step}{$name} //= 0) < @$steps)
	{
		my ($do, $until) = map { s/\{ca\}/$name/gr =~ s/\{cert\}/$certs->[0]{id}/gr } @{ $steps->[ $self->{step}{$name} ] };
		if ($do ne '' && !$self->{done}{$name}{ $self->{step}{$name} })
		{
			return 0 unless defined $self->psql($do);
			$self->{done}{$name}{ $self->{step}{$name} } = 1;
		}
		return 0 if ($self->psql($until) // '') ne 't';
		$self->{step}{$name}++;
	}
	return 1;
}

sub look
{
	my ($self) = @_;
	my $json = $self->psql($state_sql) // return;
	my $state = CertmgrTest::control($self->{acmed}, '/state');
	my %certs;
	push @{ $certs{ $_->{ca} } }, $_ for @{ decode_json($json) };
	for my $row (@{ $self->{rows} })
	{
		my $name = $row->{name};
		my $mine = $certs{$name} // [];
		for my $c (@$mine)
		{
			$self->{seen}{$name}{$_} = 1 for grep { defined && $_ ne '' } $c->{message}, $c->{account_message};
			if ($row->{age} && !$self->{aged}{$name} && ($c->{message} // '') =~ /$row->{message}/)
			{
				$self->{aged}{$name} = defined $self->psql("UPDATE certmgr.acme_order SET created_at = created_at - interval '$row->{age}', step_since = step_since - interval '$row->{age}' WHERE id = $c->{order_id}");
			}
		}
		$self->{certs}{$name} = $mine;
		next if $self->{judged}{$name} || !$self->arrived($row, $mine, $state->{$name});
		# Who never gets through asks again, whenever we say that it is time or, after a second at most, by itself: how often depends on when we look.
		my $ours = ref $row->{outcome} || $row->{outcome} =~ /waiting|needs_human/ ? $self->psql($again_sql =~ s/\{ca\}/$name/gr) // 0 : 0;
		$self->{judged}{$name} = { kills => $self->{kills}, state => $state->{$name}, certs => $mine, ours => $ours };
		my $cancel = join '', map { "SELECT certmgr.cancel($_->{id});" } grep { $_->{state} eq 'pending' } @$mine;
		$self->psql("INSERT INTO public.judged VALUES ('$name');$cancel") // delete $self->{judged}{$name};
	}
	$self->{state} = $state;
	return;
}

# From now on acmed holds requests at the points where something is to happen to us: all, or these [kind, before|after].
sub hold { my ($self, @points) = @_; CertmgrTest::control($self->{acmed}, '/kill', { on => JSON::PP::true, @points ? (points => \@points) : () }); return; }

# What is to happen, when a request is held for a while and no others come: by then the other scenarios stand at a point of theirs as well. Who
# is killed while there is more to do, as on a machine that is busy, has lived in vain.
sub disturb
{
	my ($self, $what) = @_;
	my $held = CertmgrTest::control($self->{acmed}, '/held');
	return 0 unless $held->{count} && $held->{age} > 0.4 && ($held->{quiet} > 0.2 || $held->{age} > 4);
	$self->{points}{"$_->[0] $_->[1] $_->[2]"} = 1 for @{ $held->{points} };
	$self->{kills}++ if $what->($self);
	CertmgrTest::control($self->{acmed}, '/release', {});
	CertmgrTest::wait_for_server($self->{node}) or die 'the server does not come back';
	return 1;
}

sub kill_worker
{
	my ($self) = @_;
	my ($pid) = eval { CertmgrTest::worker_pids($self->{node}, 'certmgr worker%') };
	return $pid && CertmgrTest::kill9($pid);
}

# The postmaster is gone from one moment to the next. Its children see that, and hold its shared memory until then; one that
# was stopped ($stopped) sees nothing.
sub kill_postmaster
{
	my ($self, $stopped) = @_;
	my ($postmaster) = CertmgrTest::slurp($self->{node}->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @all = grep { $_ != ($stopped // 0) } $postmaster, map { /(\d+)/ } split /\n/, `ps --ppid $postmaster -o pid=`;
	$self->{node}->kill9;
	CertmgrTest::wait_until(sub { !grep { kill 0, $_ } @all }, 30, 'processes are there after SIGKILL of the postmaster') or die 'the server does not go';
	CertmgrTest::kill9($stopped) if $stopped;
	return;
}

sub crash
{
	my ($self) = @_;
	$self->kill_postmaster;
	$self->{node}->start;
	return 1;
}

# A standby that has every transaction before its client hears of the commit: without that, a failover loses what was answered.
sub add_standby
{
	my ($self) = @_;
	my $primary = $self->{node};
	my $n = ++$self->{standbys};
	$primary->backup("b$n");
	$self->{standby} = PostgreSQL::Test::Cluster->new("standby_$n");
	$self->{standby}->init_from_backup($primary, "b$n", has_streaming => 1);
	$self->{standby}->start;
	$primary->safe_psql('postgres', q{ALTER SYSTEM SET synchronous_standby_names = '*'});
	$primary->reload;
	CertmgrTest::poll_until($primary, q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'}) or die 'the standby does not follow';
	return;
}

# The primary is gone for good, its standby goes on; that gets a standby in its turn.
sub fail_over
{
	my ($self) = @_;
	$self->kill_postmaster;
	return $self->take_over;
}

sub take_over
{
	my ($self) = @_;
	push @{ $self->{nodes} }, $self->{node};
	$self->{node} = delete $self->{standby};
	$self->{node}->promote;
	$self->add_standby;
	return 1;
}

# The logs of all servers there were.
sub logs { my ($self) = @_; return join '', map { CertmgrTest::slurp($_->logfile) } @{ $self->{nodes} }, $self->{node}; }

sub watch
{
	my ($self, %o) = @_;
	my $end = time + $o{seconds};
	my $begin = time;
	while (time < $end)
	{
		next if $o{disturb} && $self->disturb($o{disturb});
		$o{each}->() if $o{each};
		$self->psql($hurry_sql);
		$self->look;
		last if keys %{ $self->{judged} } == @{ $self->{rows} };
		sleep 0.1;
	}
	CertmgrTest::control($self->{acmed}, '/kill', { on => JSON::PP::false });
	CertmgrTest::control($self->{acmed}, '/release', {});
	note(sprintf '%d scenarios, %d came to their outcome, %d kills at %d points, %.1f s', scalar @{ $self->{rows} }, scalar keys %{ $self->{judged} }, $self->{kills}, scalar keys %{ $self->{points} // {} }, time - $begin);
	# Those that did not arrive have their orders cancelled, so that their records go as well.
	$self->psql("SELECT certmgr.cancel(id) FROM certmgr.certificate WHERE state = 'pending' AND ca_id IN (SELECT id FROM certmgr.ca WHERE type = 'acme')");
	$end = time + 30;
	while (time < $end)
	{
		$self->psql($hurry_sql);
		last if ($self->psql(q{SELECT count(*) FROM certmgr.dns_record WHERE state <> 'removed'}) // '') eq '0';
		sleep 0.2;
	}
	$self->look;
	return;
}

# What is in the zone and was not before, or the other way round, by scenario.
sub zone_changes
{
	my ($self) = @_;
	my %before = map { $_ => 1 } split /\n/, $self->{txt_before};
	my %after = map { $_ => 1 } split /\n/, CertmgrTest::txt_records($self->{dns}, $zone);
	my %changes;
	for my $record (grep { !$before{$_} || !$after{$_} } keys %before, keys %after)
	{
		my ($name) = $record =~ /(?:^|\.)([a-z]\d\d)\.\Q$zone\E/;
		push @{ $changes{ $name // '?' } }, ($before{$record} ? 'lost' : 'left') . " $record";
	}
	return \%changes;
}

sub check_certificate
{
	my ($self, $row, $cert) = @_;
	my ($leaf, $chain) = split /\|/, $self->psql("SELECT certmgr.certificate_pem($cert->{id}), certmgr.chain_pem($cert->{id})") // '', 2;
	return 'its PEM cannot be read' unless $leaf;
	return () unless defined $row->{chain};
	my $n = () = ($chain // '') =~ /BEGIN CERTIFICATE/g;
	return "its chain has $n certificates instead of $row->{chain}" if $n != $row->{chain};
	return () if $n == 0 || CertmgrTest::openssl_verify(CertmgrTest::slurp($self->{acmed}{ACME_ROOT}), $chain, $leaf);
	return 'openssl does not verify it';
}

# How many requests: exactly as many as were reckoned, but for those that we cannot know beforehand.
sub request_problems
{
	my ($self, $row, $ca, $kills) = @_;
	my $asked_early = $ca->{early} + ($ca->{kinds}{renewalInfo} // 0);
	my $requests = $ca->{requests} - $asked_early;
	# Each process asks for the directory and, for each order, for a nonce and often for what its predecessor was told and could not write down;
	# what was not answered is asked again, and needs a nonce more.
	my $each = 1 + ($row->{each_process} // 0);
	$each += 0.5 + min(8, scalar @$_) for @{ $row->{names} };
	# Where answers bring no nonce, a question that came too early costs one as well.
	$requests -= $ca->{early} if $row->{dear};
	# Engines at work at the same time are as many processes as well.
	my $most = $row->{budget} + int(($kills + ($self->{engines} // 0)) * $each) + 2 * $ca->{unanswered} + ($self->{judged}{ $row->{name} }{ours} // 0);
	my $least = $row->{budget} - $row->{wobble};
	my @out;
	$self->{used}{ $row->{name} } = "$requests of $most requests" . ($asked_early ? ", $asked_early more while it lasted" : '');
	push @out, "$requests requests, $most are right" if $requests > $most;
	push @out, "$requests requests, which is less than the $least that were reckoned" if !$self->{kills} && !$self->{engines} && $requests < $least;
	push @out, "$ca->{early} questions too early" if $ca->{early} > ($row->{early} // 4 * @{ $row->{names} }) + $kills;
	my $stale = $row->{stale} // [ 0, 0 ];
	push @out, "$ca->{stale} stale nonces, right are $stale->[0] to $stale->[1]" if !$self->{kills} && ($ca->{stale} < $stale->[0] || $ca->{stale} > $stale->[1]);
	for my $kind (keys %{ $row->{most} // {} })
	{
		my $n = $ca->{kinds}{$kind} // 0;
		push @out, "$n requests of kind $kind, at most $row->{most}{$kind} are right" if $n > $row->{most}{$kind} + $kills;
	}
	return @out if $self->{kills};
	for my $problem (sort keys %{ { %{ $ca->{problems} }, %{ $row->{told} // {} } } })
	{
		my ($n, $right) = ($ca->{problems}{$problem} // 0, $row->{told}{$problem} // [ 0, 0 ]);
		push @out, "the CA had to say $problem $n times instead of $right->[0] to $right->[1]" if $n < $right->[0] || $n > $right->[1];
	}
	for my $view (sort keys %{ $row->{asked} // {} })
	{
		my ($type, $few, $many) = @{ $row->{asked}{$view} };
		my $n = $ca->{asked}{$view}{$type} // 0;
		push @out, "$n questions for $type to view $view of the DNS instead of $few to $many" if $n < $few || $n > $many;
	}
	return @out;
}

sub delay_problems
{
	my ($self, $row) = @_;
	my @out;
	for my $what ([ 'delay', "<> 'acme_renewal_info'" ], [ 'ari_delay', "= 'acme_renewal_info'" ])
	{
		my ($key, $kinds) = @$what;
		my $right = $row->{$key} or next;
		my ($least, $most) = split /\|/, $self->psql("SELECT COALESCE(min(delay), 0), COALESCE(max(delay), 0) FROM public.hurried WHERE ca = '$row->{name}' AND kind $kinds");
		push @out, "$key: longest is $most s, right are $right->[0] to $right->[1]" if $most > $right->[1] || ($most < $right->[0] && !$self->{kills});
		push @out, "$key: shortest is $least s, right are $right->[0] to $right->[1]" if $key eq 'ari_delay' && $least < $right->[0] - 2 && !$self->{kills};
	}
	return @out;
}

sub problems
{
	my ($self, $row) = @_;
	my $name = $row->{name};
	my $judged = $self->{judged}{$name};
	my $ca = $self->{state}{$name};
	my $certs = $self->{certs}{$name};
	# A message may be gone before we look; what a job was put off for is in its row.
	$self->{seen}{$name}{$_} = 1 for split /\n/, $self->psql("SELECT DISTINCT said FROM public.hurried WHERE ca = '$name' AND said <> ''") // '';
	my @seen = sort keys %{ $self->{seen}{$name} // {} };
	my @out;
	my $wrong = $judged ? as_wanted($row, $judged->{certs}) : 'never';
	push @out, "did not come to its outcome: $wrong: " . join('; ', map { "$_->{state} at " . ($_->{step} // '-') . ': ' . ($_->{message} // '') } grep { $_->{state} ne 'issued' } @$certs) if $wrong ne '';
	push @out, $self->request_problems($row, $judged && $row->{outcome} ne 'issued' && $row->{outcome} ne 'failed' ? $judged->{state} : $ca, $judged ? $judged->{kills} : $self->{kills});
	push @out, map { "what was to go wrong did not, $_" } $self->{kills} ? () : @{ $ca->{unstruck} };
	push @out, "$ca->{certificates} certificates at the CA, wanted are $row->{issued}" if $ca->{certificates} != $row->{issued};
	push @out, map { "protocol: $_" } @{ $ca->{violations} };
	push @out, "$ca->{failed_validations} failed validations" if $ca->{failed_validations} > ($row->{failed} // 0);
	# Sent once, and perhaps by one that was killed before it was carried out.
	push @out, "$ca->{replaced} certificates were replaced, right are $row->{replaced}" if defined $row->{replaced} && !$self->{kills} && $ca->{replaced} != $row->{replaced};
	# An order may be lost with a process before its URL is known, and given again by most, but not by all.
	push @out, "$ca->{orders} orders at the CA, wanted are $row->{orders}" if defined $row->{orders} && $ca->{orders} != $row->{orders};
	push @out, 'no request for ARI named its certificate rightly' if $row->{group} eq 'i' && !$ca->{ari_known} && $row->{name} ne 'i10';
	# What was said between two kills may not have been seen.
	my $brief = $self->{kills} && $row->{outcome} eq 'issued';
	for my $words (grep { defined } ($brief ? undef : $row->{message}), ($self->{kills} ? () : @{ $row->{says} // [] }))
	{
		push @out, "no message fits $words" unless grep { /$words/ } @seen;
	}
	push @out, grep { /[^\x20-\x7e]/ || length > 1500 } @seen;
	push @out, $self->delay_problems($row);
	for my $check ($self->{kills} ? () : @{ $row->{check} // [] })
	{
		my $query = $check =~ s/\{ca\}/$name/gr;
		push @out, "not true: $query" unless ($self->psql($query) // '') eq 't';
	}
	push @out, "the ledger still has records" if ($self->psql("SELECT count(*) FROM certmgr.dns_record r JOIN certmgr.acme_order o ON o.id = r.order_id JOIN certmgr.acme_account t ON t.id = o.account_id JOIN certmgr.ca a ON a.id = t.ca_id WHERE a.name = '$name' AND r.state <> 'removed'") // '') ne '0';
	push @out, map { $self->check_certificate($row, $_) } grep { $_->{state} eq 'issued' } @$certs;
	return @out;
}

sub judge
{
	my ($self) = @_;
	my $changes = $self->zone_changes;
	for my $row (@{ $self->{all} })
	{
		my $name = $row->{name};
		if ($row->{needs})
		{
		  SKIP: { skip("$name $row->{title}: needs $row->{needs}", 1); }
			next;
		}
		my @problems = ($self->problems($row), map { "TXT $_" } @{ $changes->{$name} // [] });
		my $outcome = ref $row->{outcome} ? join(', ', map { "$row->{outcome}{$_} $_" } sort keys %{ $row->{outcome} }) : $row->{outcome};
		ok(!@problems, "$name $row->{title}: $outcome, " . ($self->{used}{$name} // ''));
		next unless @problems;
		diag("$name: $_") for @problems;
		my %kinds = %{ $self->{state}{$name}{kinds} };
		diag("$name: requests: " . join(' ', map { "$_ $kinds{$_}" } sort keys %kinds));
		my %said = map { s/ at \d{4}-\d\d-\d\d \S+/ at .../r => 1 } keys %{ $self->{seen}{$name} // {} };
		diag("$name: said: $_") for sort keys %said;
	}
	is($self->{state}{_trapped}, 0, 'nobody followed a redirect');
	is(join("\n", map { @{ $changes->{$_} } } grep { $_ eq '?' } keys %$changes), '', 'nothing else in the zone changed');
	return;
}

1;
