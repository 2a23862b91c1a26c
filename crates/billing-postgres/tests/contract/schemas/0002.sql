-- Version 2 with books in it: those of version 1, brought up to date, and what came with version 2 as the store wrote it. Never edited once version 2 is released.
CREATE TABLE public.billing_migrations (
    version character varying NOT NULL,
    applied_at bigint NOT NULL
);
CREATE TABLE public.catalog_revisions (
    number bigint NOT NULL,
    body jsonb NOT NULL,
    applied_at timestamp with time zone NOT NULL
);
CREATE TABLE public.changes (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    quote_id uuid NOT NULL,
    state text NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    body jsonb NOT NULL
);
CREATE TABLE public.checkouts (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    open boolean NOT NULL,
    body jsonb NOT NULL
);
CREATE TABLE public.customers (
    id uuid NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    body jsonb NOT NULL,
    revision bigint NOT NULL,
    held boolean NOT NULL,
    fence bigint NOT NULL,
    external_ref text,
    email text,
    wake_at timestamp with time zone,
    busy_until timestamp with time zone,
    ready_at timestamp with time zone
);
CREATE TABLE public.discount_codes (
    id uuid NOT NULL,
    code text NOT NULL,
    body jsonb NOT NULL,
    max_uses bigint,
    retired_at timestamp with time zone
);
CREATE TABLE public.discount_uses (
    code_id uuid NOT NULL,
    checkout_id uuid NOT NULL,
    state text NOT NULL,
    reserved_until timestamp with time zone
);
CREATE TABLE public.grants (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    plan text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    body jsonb NOT NULL,
    ends_at timestamp with time zone
);
CREATE TABLE public.idempotency (
    caller text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    reserved_until timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    status integer,
    body bytea
);
CREATE TABLE public.inbox (
    id uuid NOT NULL,
    account text NOT NULL,
    event_id text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    ready_at timestamp with time zone NOT NULL,
    held boolean NOT NULL,
    fence bigint NOT NULL,
    attempts integer NOT NULL,
    facts jsonb,
    unreadable text,
    sent_at timestamp with time zone,
    body bytea,
    linked uuid
);
CREATE TABLE public.inbox_links (
    link text NOT NULL,
    inbox_id uuid NOT NULL
);
CREATE TABLE public.invoices (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL,
    body jsonb NOT NULL,
    subscription_id uuid,
    cycle bigint,
    account text,
    reference text,
    change_id uuid
);
CREATE TABLE public.journal (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    event text NOT NULL,
    at timestamp with time zone NOT NULL,
    body jsonb NOT NULL
);
CREATE TABLE public.licenses (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    body jsonb NOT NULL
);
CREATE TABLE public.operator_keys (
    id uuid NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);
CREATE TABLE public.outbox (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL,
    ready_at timestamp with time zone NOT NULL,
    held boolean NOT NULL,
    fence bigint NOT NULL,
    attempts integer NOT NULL,
    settled_at timestamp with time zone
);
CREATE TABLE public.parked (
    id uuid NOT NULL,
    reason text NOT NULL,
    body jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    customer_id uuid,
    inbox_id uuid,
    effect_id uuid,
    resolved_at timestamp with time zone,
    resolution text
);
CREATE TABLE public.price_migrations (
    id uuid NOT NULL,
    from_price text NOT NULL,
    to_price text NOT NULL,
    not_before timestamp with time zone NOT NULL,
    digest text NOT NULL,
    planned bigint NOT NULL,
    done bigint NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    after_id uuid,
    actor text,
    finished_at timestamp with time zone
);
CREATE TABLE public.provider_refs (
    account text NOT NULL,
    kind text NOT NULL,
    reference text NOT NULL,
    customer_id uuid NOT NULL
);
CREATE TABLE public.quotes (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    body jsonb NOT NULL
);
CREATE TABLE public.sessions (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    token_hash bytea,
    link_hash bytea,
    link_expires_at timestamp with time zone
);
CREATE TABLE public.subscriptions (
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    status text NOT NULL,
    plan text NOT NULL,
    body jsonb NOT NULL,
    price text,
    paid_through timestamp with time zone,
    due_at timestamp with time zone,
    next_attempt_at timestamp with time zone,
    grace_ends_at timestamp with time zone
);
INSERT INTO public.billing_migrations VALUES ('m0001_begin', 1795276833);
INSERT INTO public.billing_migrations VALUES ('m0002_change', 1795285066);
INSERT INTO public.catalog_revisions VALUES (1, '{"plans": [{"key": "free", "name": "Free", "rank": 0, "grace": "PT168H", "prices": [], "on_pause": "now", "description": "A place to start", "entitlements": {"editor": {"level": 1}, "storage": {"limit": {"at_most": 2000000000}}, "projects": {"limit": {"at_most": 1}}}}, {"key": "personal", "name": "Personal", "rank": 10, "grace": "PT168H", "prices": [{"key": "personal-monthly", "lead": "PT0S", "plan": "personal", "amount": {"amount": 500, "currency": "usd"}, "interval": {"recurring": {"unit": "month", "count": 1}}}, {"key": "personal-yearly", "lead": "PT0S", "plan": "personal", "amount": {"amount": 5000, "currency": "usd"}, "interval": {"recurring": {"unit": "year", "count": 1}}}], "on_pause": "now", "description": "For one person with many projects", "entitlements": {"editor": {"level": 2}, "storage": {"limit": {"at_most": 100000000000}}, "projects": {"limit": {"at_most": 20}}}}, {"key": "team", "name": "Team", "rank": 20, "grace": "PT168H", "trial": "PT336H", "prices": [{"key": "team-monthly", "lead": "PT0S", "plan": "team", "amount": {"amount": 1200, "currency": "usd"}, "interval": {"recurring": {"unit": "month", "count": 1}}}], "on_pause": "now", "quantity": {"max": 500, "min": 1, "step": 1, "feature": "seats"}, "description": "For people who work together, priced by the seat", "entitlements": {"sso": {"flag": true}, "editor": {"level": 2}, "storage": {"limit": {"at_most": 1000000000000}}, "projects": {"limit": "unlimited"}}}, {"key": "lifetime", "name": "Lifetime", "grace": "PT168H", "prices": [{"key": "lifetime-once", "lead": "PT0S", "plan": "lifetime", "amount": {"amount": 9900, "currency": "usd"}, "interval": "once"}], "on_pause": "now", "description": "Personal, paid once", "entitlements": {"editor": {"level": 2}, "storage": {"limit": {"at_most": 100000000000}}, "projects": {"limit": {"at_most": 20}}}}], "rules": {"catch_up": "current", "quote_ttl": "PT15M", "stall_limit": "PT720H"}, "product": "Acme Storage", "checkout": {"allowed_origins": []}, "currency": "usd", "defaults": {"newcomer": "free"}, "features": {"sso": {"kind": "flag", "name": "Single sign-on"}, "seats": {"kind": "count", "name": "Seats"}, "editor": {"kind": {"level": ["none", "read", "write"]}, "name": "Editor"}, "storage": {"kind": "bytes", "name": "Storage"}, "projects": {"kind": "count", "name": "Projects"}}}', '2026-11-21 16:00:33.61649+00');
INSERT INTO public.changes VALUES ('019c13ec-9e7b-7000-8000-000000000002', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', '01a1fed6-d10a-7001-ac30-aaf021d9bee5', '019c13ec-9e7b-7001-8000-000000000002', 'scheduled', '2027-01-21 16:00:53.811016+00', '{"by": {"by": "buyer"}, "id": "chg_019c13ec9e7b70008000000000000002", "quote": {"id": "qte_019c13ec9e7b70018000000000000002", "paid": [{"period": {"end": "2027-02-21T16:00:53.811016Z", "start": "2027-01-21T16:00:53.811016Z"}, "charged": {"amount": 2000, "currency": "usd"}, "segments": [{"from": "2027-01-21T16:00:53.811016Z", "rate": {"amount": 2000, "currency": "usd"}}]}], "kinds": ["upgrade", "quantity_up"], "lines": [{"base": {"amount": 2000, "currency": "usd"}, "kind": "unused", "plan": "team", "share": {"part": 86400, "whole": 2678400}, "amount": {"amount": -1935, "currency": "usd"}, "charged": {"amount": 2000, "currency": "usd"}, "quantity": 3}, {"base": {"amount": 2000, "currency": "usd"}, "kind": "balance", "plan": null, "share": null, "amount": {"amount": 2000, "currency": "usd"}, "charged": null, "quantity": 1}], "loses": [{"unit": {"amount": 2000, "currency": "usd"}, "loses": "price_lock", "price": "team-monthly", "until": "2027-02-21T16:00:53.811016Z"}, {"loses": "discount"}], "terms": {"lead": "PT72H", "plan": "team", "sold": {"quota": {"limit": "unlimited"}}, "unit": {"amount": 2000, "currency": "usd"}, "grace": "PT168H", "price": "team-monthly", "trial": "PT336H", "bounds": {"max": 50, "min": 5, "step": 5, "feature": "seats"}, "rejoin": "PT720H", "renews": true, "billing": {"recurring": {"unit": "month", "count": 1}}, "license": {"max_machines": 3}, "discount": {"code": null, "reduction": {"kind": "percent", "basis_points": 2500}, "until_cycle": 3}, "on_pause": "now", "quantity": 1, "price_ref": "price_team-monthly", "on_past_due": "grace", "stall_limit": "PT720H", "catalog_revision": 1}, "digest": "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e", "source": "engine", "timing": "at_once", "restart": {"end": "2027-02-21T16:00:53.811016Z", "start": "2027-01-21T16:00:53.811016Z"}, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "owed_now": {"amount": 1234, "currency": "usd"}, "created_at": "2027-01-21T16:00:53.811016Z", "expires_at": "2027-01-21T16:15:53.811016Z", "next_charge": {"at": "2027-02-21T16:00:53.811016Z", "amount": {"amount": 2000, "currency": "usd"}}, "effective_at": "2027-01-21T16:00:53.811016Z", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5", "balance_after": {"amount": -5, "currency": "usd"}, "catalog_revision": 2}, "state": {"state": "scheduled"}, "pay_by": null, "invoice": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "accepted_at": "2027-01-21T16:00:53.811016Z"}');
INSERT INTO public.checkouts VALUES ('01a1fed6-d10a-7000-ac30-aaf021d9bee5', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', '01a1fed6-d10a-7002-ac30-aaf021d9bee5', false, '{"id": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "state": {"at": "2026-11-21T16:00:53.811016Z", "state": "completed", "reference": "sbx_chk_000001"}, "terms": {"lead": "PT0S", "plan": "personal", "unit": {"amount": 500, "currency": "usd"}, "grace": "PT168H", "price": "personal-monthly", "trial": null, "rejoin": "PT720H", "renews": true, "billing": {"recurring": {"unit": "month", "count": 1}}, "on_pause": "now", "quantity": 1, "price_ref": "personal-monthly", "on_past_due": "grace", "stall_limit": "PT720H", "catalog_revision": 1}, "invoice": "inv_01a1fed6d10a7002ac30aaf021d9bee5", "provider": "sandbox/main", "cancel_url": "http://127.0.0.1:18098/checkout/cancel?checkout=chk_01a1fed6d10a7000ac30aaf021d9bee5", "created_at": "2026-11-21T16:00:53.514043Z", "expires_at": "2026-11-22T16:00:53.514043Z", "secret_hash": "29c2140cbc794d943eab993a2fe9d9dad4e34e5c11a1501ac717912cd8f6559f", "success_url": "http://127.0.0.1:18098/checkout/success?checkout=chk_01a1fed6d10a7000ac30aaf021d9bee5", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5", "owns_schedule": false}');
INSERT INTO public.checkouts VALUES ('01a29e7c-1018-7000-bbbf-b1d48f6f48df', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', '01a29e7c-1018-7002-bbbf-b1d48f6f48df', true, '{"id": "chk_01a29e7c10187000bbbfb1d48f6f48df", "state": {"url": "http://127.0.0.1:18098/sandbox/checkout/sbx_chk_000002", "state": "open", "reference": "sbx_chk_000002"}, "terms": {"lead": "PT0S", "plan": "lifetime", "unit": {"amount": 9900, "currency": "usd"}, "grace": "PT168H", "price": "lifetime-once", "trial": null, "rejoin": "PT720H", "renews": false, "billing": "once", "on_pause": "now", "quantity": 1, "price_ref": "lifetime-once", "on_past_due": "grace", "stall_limit": "PT720H", "catalog_revision": 1}, "invoice": "inv_01a29e7c10187002bbbfb1d48f6f48df", "provider": "sandbox/main", "cancel_url": "http://127.0.0.1:18098/checkout/cancel?checkout=chk_01a29e7c10187000bbbfb1d48f6f48df", "created_at": "2026-12-22T16:01:00.440393Z", "expires_at": "2026-12-23T16:01:00.440393Z", "secret_hash": "1cc53719c3072adc0d6761da486e4575042ff4c4b95e59e2b1fac55c7b1f2c36", "success_url": "http://127.0.0.1:18098/checkout/success?checkout=chk_01a29e7c10187000bbbfb1d48f6f48df", "subscription": "sub_01a29e7c10187001bbbfb1d48f6f48df", "owns_schedule": false}');
INSERT INTO public.customers VALUES ('01a1fed6-d0d8-7000-a826-e3a12ae5598f', '2026-11-21 16:00:53.464849+00', '{"id": "cus_01a1fed6d0d87000a826e3a12ae5598f", "email": null, "joined_at": "2026-11-21T16:00:53.464849Z", "member_of": null, "at_providers": [], "external_ref": "ben"}', 4, false, 0, 'ben', NULL, '2026-12-23 16:01:00.440393+00', NULL, '2026-12-23 16:01:00.440393+00');
INSERT INTO public.customers VALUES ('01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', '2026-11-21 16:00:53.43164+00', '{"id": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "email": "ana@example.com", "joined_at": "2026-11-21T16:00:53.43164Z", "member_of": null, "at_providers": [{"account": "sandbox/main", "reference": "sbx_cus_000001"}], "external_ref": "ana"}', 9, false, 1, 'ana', 'ana@example.com', '2027-01-21 16:00:53.811016+00', NULL, '2027-01-21 16:00:53.811016+00');
INSERT INTO public.discount_codes VALUES ('019c13ec-9e7b-7003-8000-000000000002', 'SPRING', '{"id": "dsc_019c13ec9e7b70038000000000000002", "code": "SPRING", "gives": {"kind": "percent", "gives": "reduction", "basis_points": 1000}, "plans": ["team"], "cycles": 3, "max_uses": 2, "created_at": "2027-01-21T16:00:53.811016Z", "expires_at": "2028-01-21T16:00:53.811016Z", "retired_at": null}', 2, NULL);
INSERT INTO public.discount_uses VALUES ('019c13ec-9e7b-7003-8000-000000000002', '019c13ec-9e7b-7004-8000-000000000002', 'used', NULL);
INSERT INTO public.discount_uses VALUES ('019c13ec-9e7b-7003-8000-000000000002', '019c13ec-9e7b-7005-8000-000000000002', 'reserved', '2027-01-22 16:00:53.811016+00');
INSERT INTO public.grants VALUES ('01a1fed6-d241-7000-b289-8ddd6825dfef', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', 'team', '2026-11-21 16:00:53.825448+00', '{"id": "grt_01a1fed6d2417000b2898ddd6825dfef", "plan": "team", "reason": "comp", "ends_at": "2030-01-01T00:00:00Z", "starts_at": "2026-11-21T16:00:53.825448Z"}', '2030-01-01 00:00:00+00');
INSERT INTO public.inbox VALUES ('01a1fed6-d120-7000-97d8-75f0d3e88412', 'sandbox/main', 'reply:checkout:chk_01a1fed6d10a7000ac30aaf021d9bee5:1', 'reply.open_checkout', 'done', '2026-11-21 16:00:53.536517+00', '2026-11-21 16:00:53.536517+00', false, 0, 0, '[{"at": "2026-11-21T16:00:53.530843Z", "fact": {"url": "http://127.0.0.1:18098/sandbox/checkout/sbx_chk_000001", "fact": "checkout_opened", "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "reference": "sbx_chk_000001", "expires_at": "2026-11-22T16:00:53.514043Z"}, "link": {"refs": [{"id": "sbx_chk_000001", "kind": "checkout", "account": "sandbox/main"}], "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6"}}]', NULL, NULL, NULL, NULL);
INSERT INTO public.inbox VALUES ('01a29e7c-022d-7000-be8b-a6edaf0a4675', 'sandbox/main', 'reply:renewal:sub_01a1fed6d10a7001ac30aaf021d9bee5:1:1:1', 'reply.create_invoice', 'done', '2026-12-22 16:00:56.877274+00', '2026-12-22 16:00:56.877274+00', false, 0, 0, '[{"at": "2026-12-22T16:00:56.876465Z", "fact": {"fact": "invoice_opened", "invoice": "inv_01a29e7c02227000a716db51530aaed9", "pay_url": "http://127.0.0.1:18098/sandbox/invoice/sbx_inv_000001", "reference": "sbx_inv_000001"}, "link": {"refs": [{"id": "sbx_cus_000001", "kind": "customer", "account": "sandbox/main"}, {"id": "sbx_inv_000001", "kind": "invoice", "account": "sandbox/main"}], "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6"}}]', NULL, NULL, NULL, NULL);
INSERT INTO public.inbox VALUES ('01a1fed6-d291-7000-bcfc-20bf66697392', 'sandbox/main', 'sbx_evt_000001', 'checkout.completed', 'done', '2026-11-21 16:00:53.905436+00', '2026-11-21 16:02:53.91074+00', false, 1, 0, '[{"at": "2026-11-21T16:00:53.811016Z", "fact": {"fact": "checkout_completed", "payment": {"money": "paid", "amount": {"amount": 500, "currency": "usd"}, "payment": "sbx_pay_000001"}, "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "reference": "sbx_chk_000001", "customer_ref": "sbx_cus_000001"}, "link": {"refs": [{"id": "sbx_cus_000001", "kind": "customer", "account": "sandbox/main"}, {"id": "sbx_chk_000001", "kind": "checkout", "account": "sandbox/main"}], "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6"}}]', NULL, NULL, NULL, NULL);
INSERT INTO public.inbox VALUES ('01a29e7c-027e-7000-b674-626a5cbfb91f', 'sandbox/main', 'sbx_evt_000002', 'invoice.paid', 'done', '2026-12-22 16:00:56.958987+00', '2026-12-22 16:02:56.962827+00', false, 1, 0, '[{"at": "2026-12-22T16:00:56.876466Z", "fact": {"fact": "invoice_paid", "amount": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "payment": "sbx_pay_000002"}, "link": {"refs": [{"id": "sbx_cus_000001", "kind": "customer", "account": "sandbox/main"}, {"id": "sbx_inv_000001", "kind": "invoice", "account": "sandbox/main"}], "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6"}}]', NULL, NULL, '\x7b226964223a227362785f6576745f303030303032222c2274797065223a22696e766f6963652e70616964222c2263726561746564223a22323032362d31322d32325431363a30303a35362e3837363436365a222c226661637473223a5b7b2266616374223a7b2266616374223a22696e766f6963655f70616964222c22696e766f696365223a22696e765f3031613239653763303232323730303061373136646235313533306161656439222c227061796d656e74223a227362785f7061795f303030303032222c22616d6f756e74223a7b22616d6f756e74223a3530302c2263757272656e6379223a22757364227d7d2c226174223a22323032362d31322d32325431363a30303a35362e3837363436365a222c226c696e6b223a7b22636865636b6f7574223a6e756c6c2c22637573746f6d6572223a226375735f3031613166656436643062373730303062663962666232643962316261346336222c2272656673223a5b7b226163636f756e74223a2273616e64626f782f6d61696e222c226b696e64223a22637573746f6d6572222c226964223a227362785f6375735f303030303031227d2c7b226163636f756e74223a2273616e64626f782f6d61696e222c226b696e64223a22696e766f696365222c226964223a227362785f696e765f303030303031227d5d7d7d5d7d', NULL);
INSERT INTO public.inbox VALUES ('01a29e7c-101e-7000-9a7c-a98474a884cb', 'sandbox/main', 'reply:checkout:chk_01a29e7c10187000bbbfb1d48f6f48df:1', 'reply.open_checkout', 'done', '2026-12-22 16:01:00.446403+00', '2026-12-22 16:01:00.446403+00', false, 0, 0, '[{"at": "2026-12-22T16:01:00.444393Z", "fact": {"url": "http://127.0.0.1:18098/sandbox/checkout/sbx_chk_000002", "fact": "checkout_opened", "checkout": "chk_01a29e7c10187000bbbfb1d48f6f48df", "reference": "sbx_chk_000002", "expires_at": "2026-12-23T16:01:00.440393Z"}, "link": {"refs": [{"id": "sbx_chk_000002", "kind": "checkout", "account": "sandbox/main"}], "checkout": "chk_01a29e7c10187000bbbfb1d48f6f48df", "customer": "cus_01a1fed6d0d87000a826e3a12ae5598f"}}]', NULL, NULL, NULL, NULL);
INSERT INTO public.invoices VALUES ('01a1fed6-d10a-7002-ac30-aaf021d9bee5', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'purchase', 'settled', '{"id": "inv_01a1fed6d10a7002ac30aaf021d9bee5", "cycle": 0, "state": {"at": "2026-11-21T16:00:53.811016Z", "state": "settled"}, "amount": {"amount": 500, "currency": "usd"}, "issuer": "engine", "period": {"end": "2026-12-21T16:00:53.811016Z", "start": "2026-11-21T16:00:53.811016Z"}, "attempt": 1, "pay_url": null, "purpose": "purchase", "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "payments": [{"at": "2026-11-21T16:00:53.811016Z", "amount": {"amount": 500, "currency": "usd"}, "credited": true, "reference": "sbx_pay_000001"}], "provider": "sandbox/main", "opened_at": "2026-11-21T16:00:53.514043Z", "reference": null, "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}', '01a1fed6-d10a-7001-ac30-aaf021d9bee5', 0, 'sandbox/main', NULL, NULL);
INSERT INTO public.invoices VALUES ('01a29e7c-0222-7000-a716-db51530aaed9', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'renewal', 'settled', '{"id": "inv_01a29e7c02227000a716db51530aaed9", "cycle": 1, "state": {"at": "2026-12-22T16:00:56.876466Z", "state": "settled"}, "amount": {"amount": 500, "currency": "usd"}, "issuer": "engine", "period": {"end": "2027-01-21T16:00:53.811016Z", "start": "2026-12-21T16:00:53.811016Z"}, "attempt": 1, "pay_url": "http://127.0.0.1:18098/sandbox/invoice/sbx_inv_000001", "purpose": "renewal", "checkout": null, "payments": [{"at": "2026-12-22T16:00:56.876466Z", "amount": {"amount": 500, "currency": "usd"}, "credited": true, "reference": "sbx_pay_000002"}], "provider": "sandbox/main", "opened_at": "2026-12-22T16:00:56.866387Z", "reference": "sbx_inv_000001", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}', '01a1fed6-d10a-7001-ac30-aaf021d9bee5', 1, 'sandbox/main', 'sbx_inv_000001', NULL);
INSERT INTO public.journal VALUES ('01a1fed6-d0b7-7001-bf9b-fb2d9b1ba4c6', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'customer.created', '2026-11-21 16:00:53.43164+00', '{"at": "2026-11-21T16:00:53.43164Z", "id": "jrn_01a1fed6d0b77001bf9bfb2d9b1ba4c6", "note": null, "actor": "key_01a1fed683bc7000bb32f9a8832d7067", "event": "customer.created", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": null}');
INSERT INTO public.journal VALUES ('01a1fed6-d0d8-7001-a826-e3a12ae5598f', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', 'customer.created', '2026-11-21 16:00:53.464849+00', '{"at": "2026-11-21T16:00:53.464849Z", "id": "jrn_01a1fed6d0d87001a826e3a12ae5598f", "note": null, "actor": "key_01a1fed683bc7000bb32f9a8832d7067", "event": "customer.created", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0d87000a826e3a12ae5598f", "subscription": null}');
INSERT INTO public.journal VALUES ('01a1fed6-d10a-7003-ac30-aaf021d9bee5', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'checkout.created', '2026-11-21 16:00:53.514043+00', '{"at": "2026-11-21T16:00:53.514043Z", "id": "jrn_01a1fed6d10a7003ac30aaf021d9bee5", "note": null, "actor": null, "event": "checkout.created", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": null, "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": null}');
INSERT INTO public.journal VALUES ('01a1fed6-d241-7001-b289-8ddd6825dfef', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', 'grant.added', '2026-11-21 16:00:53.825448+00', '{"at": "2026-11-21T16:00:53.825448Z", "id": "jrn_01a1fed6d2417001b2898ddd6825dfef", "note": "team", "actor": "key_01a1fed683bc7000bb32f9a8832d7067", "event": "grant.added", "grant": "grt_01a1fed6d2417000b2898ddd6825dfef", "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0d87000a826e3a12ae5598f", "subscription": null}');
INSERT INTO public.journal VALUES ('01a1fed6-d299-7000-ab63-e2bd81c60338', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'checkout.completed', '2026-11-21 16:00:53.913267+00', '{"at": "2026-11-21T16:00:53.913267Z", "id": "jrn_01a1fed6d2997000ab63e2bd81c60338", "note": null, "actor": null, "event": "checkout.completed", "grant": null, "money": null, "invoice": null, "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": null}');
INSERT INTO public.journal VALUES ('01a1fed6-d299-7001-ab63-e2bd81c60338', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'invoice.settled', '2026-11-21 16:00:53.913267+00', '{"at": "2026-11-21T16:00:53.913267Z", "id": "jrn_01a1fed6d2997001ab63e2bd81c60338", "note": null, "actor": null, "event": "invoice.settled", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a1fed6d10a7002ac30aaf021d9bee5", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a1fed6-d299-7002-ab63-e2bd81c60338', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'subscription.created', '2026-11-21 16:00:53.913267+00', '{"at": "2026-11-21T16:00:53.913267Z", "id": "jrn_01a1fed6d2997002ab63e2bd81c60338", "note": null, "actor": null, "event": "subscription.created", "grant": null, "money": null, "invoice": null, "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a1fed6-d299-7003-ab63-e2bd81c60338', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'subscription.activated', '2026-11-21 16:00:53.913267+00', '{"at": "2026-11-21T16:00:53.913267Z", "id": "jrn_01a1fed6d2997003ab63e2bd81c60338", "note": null, "actor": null, "event": "subscription.activated", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-0222-7001-a716-db51530aaed9', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'invoice.opened', '2026-12-22 16:00:56.866387+00', '{"at": "2026-12-22T16:00:56.866387Z", "id": "jrn_01a29e7c02227001a716db51530aaed9", "note": null, "actor": null, "event": "invoice.opened", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-0222-7003-a716-db51530aaed9', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'subscription.past_due', '2026-12-22 16:00:56.866387+00', '{"at": "2026-12-22T16:00:56.866387Z", "id": "jrn_01a29e7c02227003a716db51530aaed9", "note": null, "actor": null, "event": "subscription.past_due", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-022d-7000-8551-432143310bc1', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'subscription.renewal_pending', '2026-12-22 16:00:56.877274+00', '{"at": "2026-12-22T16:00:56.877274Z", "id": "jrn_01a29e7c022d70008551432143310bc1", "note": "http://127.0.0.1:18098/sandbox/invoice/sbx_inv_000001", "actor": null, "event": "subscription.renewal_pending", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-0288-7000-abfd-fb31a116db1d', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'invoice.settled', '2026-12-22 16:00:56.968416+00', '{"at": "2026-12-22T16:00:56.968416Z", "id": "jrn_01a29e7c02887000abfdfb31a116db1d", "note": null, "actor": null, "event": "invoice.settled", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-0288-7001-abfd-fb31a116db1d', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'subscription.renewed', '2026-12-22 16:00:56.968416+00', '{"at": "2026-12-22T16:00:56.968416Z", "id": "jrn_01a29e7c02887001abfdfb31a116db1d", "note": "2027-01-21T16:00:53.811016Z", "actor": null, "event": "subscription.renewed", "grant": null, "money": null, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-0fd9-7000-a13b-56c4ce31804e', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'subscription.cancel_scheduled', '2026-12-22 16:01:00.377359+00', '{"at": "2026-12-22T16:01:00.377359Z", "id": "jrn_01a29e7c0fd97000a13b56c4ce31804e", "note": "2027-01-21T16:00:53.811016Z", "actor": "key_01a1fed683bc7000bb32f9a8832d7067", "event": "subscription.cancel_scheduled", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.journal VALUES ('01a29e7c-1018-7003-bbbf-b1d48f6f48df', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', 'checkout.created', '2026-12-22 16:01:00.440393+00', '{"at": "2026-12-22T16:01:00.440393Z", "id": "jrn_01a29e7c10187003bbbfb1d48f6f48df", "note": null, "actor": null, "event": "checkout.created", "grant": null, "money": {"amount": 9900, "currency": "usd"}, "invoice": null, "checkout": "chk_01a29e7c10187000bbbfb1d48f6f48df", "customer": "cus_01a1fed6d0d87000a826e3a12ae5598f", "subscription": null}');
INSERT INTO public.licenses VALUES ('019c13ec-9e7b-7002-8000-000000000002', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', '01a1fed6-d10a-7001-ac30-aaf021d9bee5', '{"id": "lic_019c13ec9e7b70028000000000000002", "serial": 1, "issued_at": "2027-01-21T16:00:53.811016Z", "revoked_at": null, "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}');
INSERT INTO public.operator_keys VALUES ('01a1fed6-83bc-7000-bb32-f9a8832d7067', 'first start', 'admin', '\xfabb027f7c1b9ea08909e9530bce8198befca57441f96ff27c9f6d5cb93ddd67', '2026-11-21 16:00:33.724405+00', NULL);
INSERT INTO public.outbox VALUES ('01a29e7c-0288-7002-abfd-fb31a116db1d', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'notify:eff_01a29e7c02887002abfdfb31a116db1d', 'notify', '{"id": "eff_01a29e7c02887002abfdfb31a116db1d", "key": "notify:eff_01a29e7c02887002abfdfb31a116db1d", "order": {"order": "notify", "entries": [{"at": "2026-12-22T16:00:56.968416Z", "id": "jrn_01a29e7c02887000abfdfb31a116db1d", "note": null, "actor": null, "event": "invoice.settled", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}, {"at": "2026-12-22T16:00:56.968416Z", "id": "jrn_01a29e7c02887001abfdfb31a116db1d", "note": "2027-01-21T16:00:53.811016Z", "actor": null, "event": "subscription.renewed", "grant": null, "money": null, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}]}, "due_at": "2026-12-22T16:00:56.968416Z"}', 'done', '2026-12-22 16:02:56.974449+00', false, 1, 0, '2026-12-22 16:00:56.975779+00');
INSERT INTO public.outbox VALUES ('01a29e7c-0222-7004-a716-db51530aaed9', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'notify:eff_01a29e7c02227004a716db51530aaed9', 'notify', '{"id": "eff_01a29e7c02227004a716db51530aaed9", "key": "notify:eff_01a29e7c02227004a716db51530aaed9", "order": {"order": "notify", "entries": [{"at": "2026-12-22T16:00:56.866387Z", "id": "jrn_01a29e7c02227001a716db51530aaed9", "note": null, "actor": null, "event": "invoice.opened", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}, {"at": "2026-12-22T16:00:56.866387Z", "id": "jrn_01a29e7c02227003a716db51530aaed9", "note": null, "actor": null, "event": "subscription.past_due", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}]}, "due_at": "2026-12-22T16:00:56.866387Z"}', 'done', '2026-12-22 16:02:56.875195+00', false, 1, 0, '2026-12-22 16:00:56.877635+00');
INSERT INTO public.outbox VALUES ('01a29e7c-0222-7002-a716-db51530aaed9', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'renewal:sub_01a1fed6d10a7001ac30aaf021d9bee5:1:1', 'create_invoice', '{"id": "eff_01a29e7c02227002a716db51530aaed9", "key": "renewal:sub_01a1fed6d10a7001ac30aaf021d9bee5:1:1", "order": {"cycle": 1, "order": "create_invoice", "amount": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "provider": "sandbox/main", "description": "personal", "customer_ref": "sbx_cus_000001", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}, "due_at": "2026-12-22T16:00:56.866387Z"}', 'done', '2026-12-22 16:02:56.875195+00', false, 1, 0, '2026-12-22 16:00:56.877274+00');
INSERT INTO public.outbox VALUES ('01a29e7c-022d-7001-8551-432143310bc1', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'notify:eff_01a29e7c022d70018551432143310bc1', 'notify', '{"id": "eff_01a29e7c022d70018551432143310bc1", "key": "notify:eff_01a29e7c022d70018551432143310bc1", "order": {"order": "notify", "entries": [{"at": "2026-12-22T16:00:56.877274Z", "id": "jrn_01a29e7c022d70008551432143310bc1", "note": "http://127.0.0.1:18098/sandbox/invoice/sbx_inv_000001", "actor": null, "event": "subscription.renewal_pending", "grant": null, "money": {"amount": 500, "currency": "usd"}, "invoice": "inv_01a29e7c02227000a716db51530aaed9", "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}]}, "due_at": "2026-12-22T16:00:56.877274Z"}', 'done', '2026-12-22 16:02:56.898102+00', false, 1, 0, '2026-12-22 16:00:56.900725+00');
INSERT INTO public.outbox VALUES ('01a29e7c-0fd9-7001-a13b-56c4ce31804e', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'notify:eff_01a29e7c0fd97001a13b56c4ce31804e', 'notify', '{"id": "eff_01a29e7c0fd97001a13b56c4ce31804e", "key": "notify:eff_01a29e7c0fd97001a13b56c4ce31804e", "order": {"order": "notify", "entries": [{"at": "2026-12-22T16:01:00.377359Z", "id": "jrn_01a29e7c0fd97000a13b56c4ce31804e", "note": "2027-01-21T16:00:53.811016Z", "actor": "key_01a1fed683bc7000bb32f9a8832d7067", "event": "subscription.cancel_scheduled", "grant": null, "money": null, "invoice": null, "checkout": null, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5"}]}, "due_at": "2026-12-22T16:01:00.377359Z"}', 'done', '2026-12-22 16:03:00.427675+00', false, 1, 0, '2026-12-22 16:01:00.428757+00');
INSERT INTO public.outbox VALUES ('01a29e7c-1018-7004-bbbf-b1d48f6f48df', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', 'checkout:chk_01a29e7c10187000bbbfb1d48f6f48df', 'open_checkout', '{"id": "eff_01a29e7c10187004bbbfb1d48f6f48df", "key": "checkout:chk_01a29e7c10187000bbbfb1d48f6f48df", "order": {"email": null, "order": "open_checkout", "amount": {"amount": 9900, "currency": "usd"}, "checkout": "chk_01a29e7c10187000bbbfb1d48f6f48df", "customer": "cus_01a1fed6d0d87000a826e3a12ae5598f", "provider": "sandbox/main", "quantity": 1, "price_ref": "lifetime-once", "recurring": null, "trial_end": null, "cancel_url": "http://127.0.0.1:18098/checkout/cancel?checkout=chk_01a29e7c10187000bbbfb1d48f6f48df", "expires_at": "2026-12-23T16:01:00.440393Z", "description": "Acme Storage, Lifetime", "success_url": "http://127.0.0.1:18098/checkout/success?checkout=chk_01a29e7c10187000bbbfb1d48f6f48df", "customer_ref": null}, "due_at": "2026-12-22T16:01:00.440393Z"}', 'done', '2026-12-22 16:03:00.439758+00', false, 1, 0, '2026-12-22 16:01:00.446403+00');
INSERT INTO public.outbox VALUES ('01a29e7c-1018-7005-bbbf-b1d48f6f48df', '01a1fed6-d0d8-7000-a826-e3a12ae5598f', 'notify:eff_01a29e7c10187005bbbfb1d48f6f48df', 'notify', '{"id": "eff_01a29e7c10187005bbbfb1d48f6f48df", "key": "notify:eff_01a29e7c10187005bbbfb1d48f6f48df", "order": {"order": "notify", "entries": [{"at": "2026-12-22T16:01:00.440393Z", "id": "jrn_01a29e7c10187003bbbfb1d48f6f48df", "note": null, "actor": null, "event": "checkout.created", "grant": null, "money": {"amount": 9900, "currency": "usd"}, "invoice": null, "checkout": "chk_01a29e7c10187000bbbfb1d48f6f48df", "customer": "cus_01a1fed6d0d87000a826e3a12ae5598f", "subscription": null}]}, "due_at": "2026-12-22T16:01:00.440393Z"}', 'done', '2026-12-22 16:03:00.449094+00', false, 1, 0, '2026-12-22 16:01:00.45014+00');
INSERT INTO public.price_migrations VALUES ('019c13ec-9e7b-7006-8000-000000000002', 'team-monthly', 'team-yearly', '2027-03-22 16:00:53.811016+00', 'a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7', 1000, 1, '2027-01-21 16:00:53.811016+00', '01a1fed6-d10a-7001-ac30-aaf021d9bee5', NULL, NULL);
INSERT INTO public.provider_refs VALUES ('sandbox/main', 'checkout', 'sbx_chk_000001', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6');
INSERT INTO public.provider_refs VALUES ('sandbox/main', 'customer', 'sbx_cus_000001', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6');
INSERT INTO public.provider_refs VALUES ('sandbox/main', 'invoice', 'sbx_inv_000001', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6');
INSERT INTO public.provider_refs VALUES ('sandbox/main', 'checkout', 'sbx_chk_000002', '01a1fed6-d0d8-7000-a826-e3a12ae5598f');
INSERT INTO public.quotes VALUES ('019c13ec-9e7b-7001-8000-000000000002', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', '2027-01-21 16:15:53.811016+00', '{"id": "qte_019c13ec9e7b70018000000000000002", "paid": [{"period": {"end": "2027-02-21T16:00:53.811016Z", "start": "2027-01-21T16:00:53.811016Z"}, "charged": {"amount": 2000, "currency": "usd"}, "segments": [{"from": "2027-01-21T16:00:53.811016Z", "rate": {"amount": 2000, "currency": "usd"}}]}], "kinds": ["upgrade", "quantity_up"], "lines": [{"base": {"amount": 2000, "currency": "usd"}, "kind": "unused", "plan": "team", "share": {"part": 86400, "whole": 2678400}, "amount": {"amount": -1935, "currency": "usd"}, "charged": {"amount": 2000, "currency": "usd"}, "quantity": 3}, {"base": {"amount": 2000, "currency": "usd"}, "kind": "balance", "plan": null, "share": null, "amount": {"amount": 2000, "currency": "usd"}, "charged": null, "quantity": 1}], "loses": [{"unit": {"amount": 2000, "currency": "usd"}, "loses": "price_lock", "price": "team-monthly", "until": "2027-02-21T16:00:53.811016Z"}, {"loses": "discount"}], "terms": {"lead": "PT72H", "plan": "team", "sold": {"quota": {"limit": "unlimited"}}, "unit": {"amount": 2000, "currency": "usd"}, "grace": "PT168H", "price": "team-monthly", "trial": "PT336H", "bounds": {"max": 50, "min": 5, "step": 5, "feature": "seats"}, "rejoin": "PT720H", "renews": true, "billing": {"recurring": {"unit": "month", "count": 1}}, "license": {"max_machines": 3}, "discount": {"code": null, "reduction": {"kind": "percent", "basis_points": 2500}, "until_cycle": 3}, "on_pause": "now", "quantity": 1, "price_ref": "price_team-monthly", "on_past_due": "grace", "stall_limit": "PT720H", "catalog_revision": 1}, "digest": "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e", "source": "engine", "timing": "at_once", "restart": {"end": "2027-02-21T16:00:53.811016Z", "start": "2027-01-21T16:00:53.811016Z"}, "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "owed_now": {"amount": 1234, "currency": "usd"}, "created_at": "2027-01-21T16:00:53.811016Z", "expires_at": "2027-01-21T16:15:53.811016Z", "next_charge": {"at": "2027-02-21T16:00:53.811016Z", "amount": {"amount": 2000, "currency": "usd"}}, "effective_at": "2027-01-21T16:00:53.811016Z", "subscription": "sub_01a1fed6d10a7001ac30aaf021d9bee5", "balance_after": {"amount": -5, "currency": "usd"}, "catalog_revision": 2}');
INSERT INTO public.subscriptions VALUES ('01a1fed6-d10a-7001-ac30-aaf021d9bee5', '01a1fed6-d0b7-7000-bf9b-fb2d9b1ba4c6', 'active', 'personal', '{"id": "sub_01a1fed6d10a7001ac30aaf021d9bee5", "state": {"state": "active"}, "terms": {"lead": "PT0S", "plan": "personal", "unit": {"amount": 500, "currency": "usd"}, "grace": "PT168H", "price": "personal-monthly", "trial": null, "rejoin": "PT720H", "renews": true, "billing": {"recurring": {"unit": "month", "count": 1}}, "on_pause": "now", "quantity": 1, "price_ref": "personal-monthly", "on_past_due": "grace", "stall_limit": "PT720H", "catalog_revision": 1}, "times": {"due_at": null, "paid_through": "2027-01-21T16:00:53.811016Z", "grace_ends_at": null, "next_attempt_at": null}, "checkout": "chk_01a1fed6d10a7000ac30aaf021d9bee5", "customer": "cus_01a1fed6d0b77000bf9bfb2d9b1ba4c6", "provider": "sandbox/main", "schedule": {"by": "engine", "cycle": 1, "anchor": "2026-11-21T16:00:53.811016Z", "failures": 0, "next_period": 2}, "created_at": "2026-11-21T16:00:53.811016Z", "cancellation": {"ends_at": "2027-01-21T16:00:53.811016Z", "requested_at": "2026-12-22T16:01:00.377359Z"}}', 'personal-monthly', '2027-01-21 16:00:53.811016+00', NULL, NULL, NULL);
ALTER TABLE ONLY public.billing_migrations
    ADD CONSTRAINT billing_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.catalog_revisions
    ADD CONSTRAINT catalog_revisions_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.discount_codes
    ADD CONSTRAINT discount_codes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.discount_uses
    ADD CONSTRAINT discount_uses_pkey PRIMARY KEY (code_id, checkout_id);
ALTER TABLE ONLY public.grants
    ADD CONSTRAINT grants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (caller, key);
ALTER TABLE ONLY public.inbox_links
    ADD CONSTRAINT inbox_links_pkey PRIMARY KEY (link, inbox_id);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.licenses
    ADD CONSTRAINT licenses_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.operator_keys
    ADD CONSTRAINT operator_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT parked_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.price_migrations
    ADD CONSTRAINT price_migrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.provider_refs
    ADD CONSTRAINT provider_refs_pkey PRIMARY KEY (account, kind, reference);
ALTER TABLE ONLY public.quotes
    ADD CONSTRAINT quotes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (id);
CREATE INDEX changes_customer ON public.changes USING btree (customer_id, id);
CREATE UNIQUE INDEX changes_quote ON public.changes USING btree (quote_id);
CREATE INDEX changes_subscription ON public.changes USING btree (subscription_id, id);
CREATE INDEX changes_to_come ON public.changes USING btree (customer_id) WHERE (state = ANY (ARRAY['awaiting_payment'::text, 'scheduled'::text]));
CREATE INDEX checkouts_customer ON public.checkouts USING btree (customer_id, id);
CREATE INDEX checkouts_open ON public.checkouts USING btree (customer_id) WHERE open;
CREATE UNIQUE INDEX customers_external_ref ON public.customers USING btree (external_ref);
CREATE INDEX customers_ready ON public.customers USING btree (ready_at, id) WHERE (ready_at IS NOT NULL);
CREATE UNIQUE INDEX discount_codes_code ON public.discount_codes USING btree (code) WHERE (retired_at IS NULL);
CREATE INDEX grants_customer ON public.grants USING btree (customer_id, id);
CREATE INDEX idempotency_age ON public.idempotency USING btree (created_at);
CREATE INDEX inbox_bodies ON public.inbox USING btree (received_at) WHERE ((body IS NOT NULL) AND (state = ANY (ARRAY['done'::text, 'discarded'::text])));
CREATE UNIQUE INDEX inbox_event ON public.inbox USING btree (account, event_id);
CREATE INDEX inbox_links_row ON public.inbox_links USING btree (inbox_id);
CREATE INDEX inbox_ready ON public.inbox USING btree (ready_at, id) WHERE (state = 'new'::text);
CREATE INDEX invoices_customer ON public.invoices USING btree (customer_id, id);
CREATE UNIQUE INDEX invoices_one_change ON public.invoices USING btree (subscription_id) WHERE ((state = 'open'::text) AND (purpose = 'change'::text) AND (subscription_id IS NOT NULL) AND (change_id IS NOT NULL));
CREATE UNIQUE INDEX invoices_one_credit ON public.invoices USING btree (subscription_id, cycle) WHERE ((state = 'settled'::text) AND (purpose = 'renewal'::text) AND (subscription_id IS NOT NULL) AND (cycle IS NOT NULL));
CREATE UNIQUE INDEX invoices_one_open ON public.invoices USING btree (subscription_id, purpose) WHERE ((state = 'open'::text) AND (subscription_id IS NOT NULL) AND (cycle IS NOT NULL));
CREATE INDEX invoices_open ON public.invoices USING btree (customer_id) WHERE (state = 'open'::text);
CREATE INDEX invoices_open_id ON public.invoices USING btree (id) WHERE (state = 'open'::text);
CREATE INDEX invoices_subscription ON public.invoices USING btree (subscription_id, id) WHERE (subscription_id IS NOT NULL);
CREATE INDEX journal_customer ON public.journal USING btree (customer_id, id);
CREATE INDEX licenses_customer ON public.licenses USING btree (customer_id, id);
CREATE UNIQUE INDEX licenses_subscription ON public.licenses USING btree (subscription_id);
CREATE UNIQUE INDEX operator_keys_secret ON public.operator_keys USING btree (secret_hash);
CREATE UNIQUE INDEX outbox_key ON public.outbox USING btree (key);
CREATE INDEX outbox_ready ON public.outbox USING btree (ready_at, id) WHERE (state = 'pending'::text);
CREATE INDEX outbox_settled ON public.outbox USING btree (settled_at) WHERE (state = ANY (ARRAY['done'::text, 'discarded'::text]));
CREATE INDEX parked_effect ON public.parked USING btree (effect_id) WHERE (resolved_at IS NULL);
CREATE INDEX parked_inbox ON public.parked USING btree (inbox_id) WHERE (resolved_at IS NULL);
CREATE INDEX parked_reason ON public.parked USING btree (reason, id) WHERE (resolved_at IS NULL);
CREATE INDEX parked_waiting ON public.parked USING btree (id) WHERE (resolved_at IS NULL);
CREATE INDEX quotes_customer ON public.quotes USING btree (customer_id, id);
CREATE INDEX quotes_expiry ON public.quotes USING btree (expires_at);
CREATE INDEX sessions_expiry ON public.sessions USING btree (expires_at);
CREATE UNIQUE INDEX sessions_link ON public.sessions USING btree (link_hash);
CREATE UNIQUE INDEX sessions_token ON public.sessions USING btree (token_hash);
CREATE INDEX subscriptions_customer ON public.subscriptions USING btree (customer_id, id);
CREATE INDEX subscriptions_plan ON public.subscriptions USING btree (plan, id);
CREATE INDEX subscriptions_price ON public.subscriptions USING btree (price, id);
CREATE INDEX subscriptions_status ON public.subscriptions USING btree (status, id);
