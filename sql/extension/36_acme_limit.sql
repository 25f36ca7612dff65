-- Rate limits of ACME servers, as they are published, and how far each is used
-- up. An order is charged before it is asked for; what the CA gives back is
-- given back here. Limits that nobody published are learned from 429.
CREATE TABLE certmgr.acme_limit (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	preset text,
	ca_id bigint REFERENCES certmgr.ca ON DELETE CASCADE,
	scope text NOT NULL CONSTRAINT acme_limit_scope_check CHECK (scope IN ('account_orders', 'domain_certificates', 'set_certificates', 'name_failures')),
	burst int NOT NULL CONSTRAINT acme_limit_burst_check CHECK (burst > 0),
	period interval NOT NULL CONSTRAINT acme_limit_period_check CHECK (period > interval '0'),
	renewals_exempt boolean NOT NULL DEFAULT false,
	shipped boolean NOT NULL DEFAULT false,
	note text,
	CONSTRAINT acme_limit_of_check CHECK ((preset IS NULL) <> (ca_id IS NULL))
);
CREATE UNIQUE INDEX acme_limit_preset_key ON certmgr.acme_limit (preset, scope, shipped) WHERE preset IS NOT NULL;
CREATE UNIQUE INDEX acme_limit_ca_key ON certmgr.acme_limit (ca_id, scope) WHERE ca_id IS NOT NULL;
COMMENT ON TABLE certmgr.acme_limit IS 'rate limits: at most burst things in any period (GCRA), of a preset (* is every CA without an own one) or of one CA; SELECT certmgr.set_acme_limit(...) sets those of a CA';
COMMENT ON COLUMN certmgr.acme_limit.scope IS 'account_orders: orders of our account; domain_certificates: certificates of a registered domain; set_certificates: certificates of exactly the same names; name_failures: failed orders of a name';
COMMENT ON COLUMN certmgr.acme_limit.renewals_exempt IS 'a renewal of exactly the same names does not count';
COMMENT ON COLUMN certmgr.acme_limit.shipped IS 'came with the extension; a row of your own for the same preset and scope wins';

INSERT INTO certmgr.acme_limit (shipped, preset, scope, burst, period, renewals_exempt, note) VALUES
	(true, 'letsencrypt', 'account_orders', 300, '3 hours', true, NULL),
	(true, 'letsencrypt', 'domain_certificates', 50, '7 days', true, 'a form on its site asks for more'),
	(true, 'letsencrypt', 'set_certificates', 5, '7 days', false, 'nobody gets more'),
	(true, 'letsencrypt-staging', 'account_orders', 1500, '3 hours', true, NULL),
	(true, 'letsencrypt-staging', 'domain_certificates', 30000, '7 days', true, NULL),
	(true, 'letsencrypt-staging', 'set_certificates', 30000, '7 days', false, NULL),
	(true, 'letsencrypt-staging', 'name_failures', 200, '1 hour', false, NULL),
	(true, '*', 'name_failures', 5, '1 hour', false, 'what Let''s Encrypt allows; nobody should fail more often anywhere');

CREATE TABLE certmgr.acme_limit_state (
	ca_id bigint NOT NULL REFERENCES certmgr.ca ON DELETE CASCADE,
	scope text NOT NULL,
	key text NOT NULL,
	tat timestamptz NOT NULL,
	parked_until timestamptz,
	parked_message text,
	PRIMARY KEY (ca_id, scope, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE certmgr.acme_limit_state IS 'how far rate limits are used up';
COMMENT ON COLUMN certmgr.acme_limit_state.key IS 'what is counted: account, registered domain, hash of the names, or name';
COMMENT ON COLUMN certmgr.acme_limit_state.tat IS 'theoretical arrival time of GCRA';
COMMENT ON COLUMN certmgr.acme_limit_state.parked_until IS 'the CA said that there are to be no more until then';

CREATE TABLE certmgr_private.acme_charge (
	order_id bigint PRIMARY KEY REFERENCES certmgr.acme_order ON DELETE CASCADE,
	renewal boolean NOT NULL
);
COMMENT ON TABLE certmgr_private.acme_charge IS 'orders that were charged to rate limits and could be given back';

CREATE TABLE certmgr.acme_breaker (
	ca_id bigint PRIMARY KEY REFERENCES certmgr.ca ON DELETE CASCADE,
	opens int NOT NULL,
	opened_at timestamptz NOT NULL,
	open_until timestamptz NOT NULL,
	reason text NOT NULL
);
COMMENT ON TABLE certmgr.acme_breaker IS 'CAs that do not answer or answer with errors of their own: no requests until open_until, then one order tries; gone when the CA answers again';

-- Which limits apply to a CA: its own, then those of its preset, of the one that is like it, of every CA.
CREATE FUNCTION certmgr_private.acme_limits(ca bigint, OUT scope text, OUT burst int, OUT period interval, OUT renewals_exempt boolean) RETURNS SETOF record LANGUAGE sql STABLE
	SET search_path = pg_catalog, pg_temp AS $$
	SELECT DISTINCT ON (x.scope) x.scope, x.burst, x.period, x.renewals_exempt FROM (
		SELECT l.*, -1 AS depth FROM certmgr.acme_limit l WHERE l.ca_id = ca
		UNION ALL
		SELECT l.*, p.depth FROM certmgr.ca a CROSS JOIN LATERAL certmgr_private.acme_presets_of(a.config) p JOIN certmgr.acme_limit l ON l.preset = p.name WHERE a.id = ca
		UNION ALL
		SELECT l.*, 99 FROM certmgr.acme_limit l WHERE l.preset = '*') x
	 ORDER BY x.scope, x.depth, x.shipped
$$;
COMMENT ON FUNCTION certmgr_private.acme_limits(bigint) IS 'the rate limits that apply to a CA';
