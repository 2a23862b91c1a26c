//! The pages, as a browser sees them.

use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use poem::{Route, http::header};

use super::Rig;
use crate::{Mode, TestCard, routes};

type Client = TestClient<Route>;

const GOOD: [(&str, &str); 3] = [
    ("number", "4242 4242 4242 4242"),
    ("expiry", "12/34"),
    ("cvc", "123"),
];

fn client(rig: &Rig) -> Client {
    TestClient::new(Route::new().nest("/sandbox", routes(&rig.sandbox)))
}

async fn rig() -> (Rig, Client, String) {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    let order = rig.checkout(ana);
    let page = rig.open(&order).await;
    let client = client(&rig);
    (rig, client, format!("/sandbox/checkout/{page}"))
}

async fn text(response: TestResponse) -> String {
    response.0.into_body().into_string().await.unwrap()
}

async fn get(client: &Client, path: &str) -> (StatusCode, String) {
    let response = client.get(path).send().await;
    (response.0.status(), text(response).await)
}

/// The hidden token of the form on a page.
async fn token(client: &Client, path: &str) -> String {
    let (_, page) = get(client, path).await;
    let (_, after) = page.split_once(r#"name="token" value=""#).unwrap();
    after.split_once('"').unwrap().0.to_owned()
}

async fn post(client: &Client, path: &str, fields: &[(&str, &str)]) -> TestResponse {
    let token = token(client, path.trim_end_matches("/confirm")).await;
    let mut fields: Vec<(&str, &str)> = fields.to_vec();
    fields.push(("token", &token));
    client.post(path).form(&fields).send().await
}

fn location(response: &TestResponse) -> &str {
    assert_eq!(response.0.status(), StatusCode::SEE_OTHER);
    response.0.headers()[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn a_page_says_what_is_paid_and_that_no_money_is_real() {
    let (_rig, client, page) = rig().await;
    let response = client.get(&page).send().await;
    let policy = response.0.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' https://shop.example"
    );
    let body = text(response).await;
    for part in [
        "Acme Storage, Team",
        "USD 20.00",
        "every month",
        "2 pieces",
        "no real money",
        "ana@example.com",
        r#"<label for="number">"#,
        r#"href="/sandbox/style.css""#,
        "?card=4000000000003220",
        "4000 0000 0000 0341",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert!(
        !body.contains("<script") && !body.contains("style="),
        "{body}"
    );
    let style = client.get("/sandbox/style.css").send().await;
    style.assert_content_type("text/css; charset=utf-8");
    assert!(text(style).await.contains("prefers-color-scheme: dark"));
    assert_eq!(
        get(&client, "/sandbox/checkout/sbx_chk_999999").await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        get(&client, "/sandbox/invoice/sbx_chk_000001").await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_good_card_pays_once_and_leads_back_to_the_shop() {
    let (rig, client, page) = rig().await;
    for _ in 0..2 {
        let token = rig.sandbox.inner.keys.form_token("sbx_chk_000001");
        let mut fields = GOOD.to_vec();
        fields.push(("token", &token));
        let response = client.post(&page).form(&fields).send().await;
        if response.0.status() == StatusCode::SEE_OTHER {
            assert_eq!(location(&response), "https://shop.example/done?x=1");
        } else {
            assert!(text(response).await.contains("This is paid"));
        }
    }
    assert_eq!(rig.sandbox.books().payments.len(), 1);
    let (status, body) = get(&client, &page).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("Thank you") && body.contains("https://shop.example/done?x=1"));
}

#[tokio::test]
async fn a_declined_card_says_so_and_another_may_be_tried() {
    let (rig, client, page) = rig().await;
    let mut fields = GOOD.to_vec();
    fields[0].1 = TestCard::Declined.number();
    let response = post(&client, &page, &fields).await;
    assert_eq!(response.0.status(), StatusCode::PAYMENT_REQUIRED);
    let body = text(response).await;
    assert!(body.contains("declined. Use another card"), "{body}");
    assert!(body.contains(r#"aria-invalid="true" aria-describedby="number-problem""#));
    assert!(body.contains(r#"role="alert""#));
    let books = rig.sandbox.books();
    assert!(books.payments.is_empty() && books.events.is_empty());
    let response = post(&client, &page, &GOOD).await;
    assert_eq!(location(&response), "https://shop.example/done?x=1");
}

#[tokio::test]
async fn three_d_secure_asks_first() {
    let (rig, client, page) = rig().await;
    let confirm = format!("{page}/confirm");
    let mut fields = GOOD.to_vec();
    fields[0].1 = TestCard::Confirms.number();

    let early = client.get(&confirm).send().await;
    assert_eq!(location(&early), page, "there is nothing to confirm yet");

    let response = post(&client, &page, &fields).await;
    assert_eq!(location(&response), confirm);
    let (_, body) = get(&client, &confirm).await;
    assert!(
        body.contains("Approve") && body.contains("Refuse"),
        "{body}"
    );
    let response = post(&client, &confirm, &[("approve", "no")]).await;
    assert_eq!(response.0.status(), StatusCode::PAYMENT_REQUIRED);
    assert!(text(response).await.contains("not confirmed"));
    assert!(rig.sandbox.books().payments.is_empty());

    post(&client, &page, &fields).await;
    let response = post(&client, &confirm, &[("approve", "yes")]).await;
    assert_eq!(location(&response), "https://shop.example/done?x=1");
    assert_eq!(rig.sandbox.books().payments.len(), 1);
}

#[tokio::test]
async fn a_mistyped_form_is_shown_again_with_kind_words() {
    let (rig, client, page) = rig().await;
    let fields = [
        ("number", "4111 1111 1111 1111"),
        ("expiry", "01/20"),
        ("cvc", "98765"),
    ];
    let response = post(&client, &page, &fields).await;
    assert_eq!(response.0.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body = text(response).await;
    for part in [
        "Use one of the test cards",
        "has expired",
        "three or four digits",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert!(!body.contains("98765"), "nor is its code");
    assert!(
        !body.contains("4111"),
        "a number that may be real is not shown again"
    );
    assert!(rig.sandbox.books().payments.is_empty());
}

#[tokio::test]
async fn a_test_card_is_filled_in_by_its_link() {
    let (_rig, client, page) = rig().await;
    let (_, body) = get(&client, &format!("{page}?card=4000000000003220")).await;
    assert!(body.contains(r#"value="4000 0000 0000 3220""#), "{body}");
    assert!(body.contains(r#"value="12/2029""#), "{body}");
    let (_, body) = get(&client, &format!("{page}?card=4111111111111111")).await;
    assert!(!body.contains("4111"));
}

#[tokio::test]
async fn a_guest_is_asked_for_an_address() {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.email = None;
    let page = rig.open(&order).await;
    let client = client(&rig);
    let page = format!("/sandbox/checkout/{page}");
    for wrong in [
        "",
        "ana",
        "@example.com",
        "ana@",
        "a na@example.com",
        "a@b@c",
    ] {
        let mut fields = GOOD.to_vec();
        fields.push(("email", wrong));
        let response = post(&client, &page, &fields).await;
        assert_eq!(
            response.0.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}"
        );
        assert!(text(response).await.contains("Enter an e-mail address"));
    }
    let mut fields = GOOD.to_vec();
    fields.push(("email", " ana@example.com "));
    let response = post(&client, &page, &fields).await;
    assert_eq!(location(&response), "https://shop.example/done?x=1");
    let world = rig.sandbox.world();
    let emails: Vec<_> = world
        .customers
        .values()
        .map(|held| held.email.as_deref())
        .collect();
    assert_eq!(emails, [Some("ana@example.com")]);
}

#[tokio::test]
async fn going_back_writes_nothing() {
    let (rig, client, page) = rig().await;
    let before = rig.sandbox.books();
    let response = client.get(format!("{page}/cancel")).send().await;
    assert_eq!(location(&response), "https://shop.example/pricing");
    assert_eq!(rig.sandbox.books(), before);
}

#[tokio::test]
async fn a_page_out_of_time_says_so() {
    let (rig, client, page) = rig().await;
    let token = token(&client, &page).await;
    rig.sandbox
        .set_clock(super::at("2026-01-02"))
        .await
        .unwrap();
    let (status, body) = get(&client, &page).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(body.contains("has expired") && body.contains("https://shop.example/pricing"));
    let mut fields = GOOD.to_vec();
    fields.push(("token", &token));
    let response = client.post(&page).form(&fields).send().await;
    assert_eq!(response.0.status(), StatusCode::GONE);
    assert!(rig.sandbox.books().payments.is_empty());
}

#[tokio::test]
async fn a_form_from_elsewhere_or_without_bounds_is_refused() {
    let (rig, client, page) = rig().await;
    let foreign = rig.sandbox.inner.keys.form_token("sbx_chk_000002");
    for token in ["", "00", foreign.as_str()] {
        let mut fields = GOOD.to_vec();
        fields.push(("token", token));
        let response = client.post(&page).form(&fields).send().await;
        assert_eq!(response.0.status(), StatusCode::FORBIDDEN, "{token}");
    }
    let huge = "x".repeat(16 * 1024);
    let response = post(&client, &page, &[("number", &huge)]).await;
    assert_eq!(response.0.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let response = client.put(&page).send().await;
    assert_eq!(response.0.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(rig.sandbox.books().payments.is_empty());
}

#[tokio::test]
async fn hostile_texts_are_only_texts() {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let hostile = r#""><script>alert(1)</script><a href='"#;
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.description = hostile.to_owned();
    order.email = Some(hostile.to_owned());
    order.success_url = r#"https://shop.example/?q="><script>"#.to_owned();
    order.cancel_url = "https://shop.example/'\"><script>".to_owned();
    let id = rig.open(&order).await;
    let client = client(&rig);
    let page = format!("/sandbox/checkout/{id}");
    let guest = {
        let mut order = rig.checkout(ana);
        order.email = None;
        rig.open(&order).await
    };
    let guest = format!("/sandbox/checkout/{guest}");
    let (_, first) = get(&client, &page).await;
    let wrong = [
        ("email", hostile),
        ("number", hostile),
        ("expiry", hostile),
        ("cvc", hostile),
    ];
    let second = text(post(&client, &guest, &wrong).await).await;
    rig.sandbox.pay(&id, TestCard::Pays, None).await.unwrap();
    let (_, third) = get(&client, &page).await;
    let (_, fourth) = get(&client, "/sandbox/checkout/%22%3E%3Cscript%3E").await;
    for body in [first, second, third, fourth] {
        assert!(!body.contains("<script"), "{body}");
        assert!(!body.contains("<a href='"), "{body}");
    }
}

#[tokio::test]
async fn an_invoice_is_paid_at_its_page() {
    let mode = Mode::EngineSchedule { saves_cards: false };
    let mut rig = Rig::new(mode, "2026-01-01");
    let ana = rig.customer();
    let order = rig.invoice(ana);
    rig.perform(
        "renewal:1",
        &billing_domain::effect::Order::CreateInvoice(order),
    )
    .await;
    let client = client(&rig);
    let page = "/sandbox/invoice/sbx_inv_000001";
    let (_, body) = get(&client, page).await;
    assert!(
        body.contains("Pay USD 20.00") && !body.contains("cancel"),
        "{body}"
    );
    let response = post(&client, page, &GOOD).await;
    assert_eq!(location(&response), page);
    let (_, body) = get(&client, page).await;
    assert!(body.contains("This is paid"), "{body}");
    assert_eq!(rig.sandbox.books().charged(ana).len(), 1);
}

#[tokio::test]
async fn a_trial_page_says_when_it_ends() {
    let mut rig = Rig::new(Mode::OwnSchedule, "2026-01-01");
    let ana = rig.customer();
    let mut order = rig.checkout(ana);
    order.trial_end = Some(super::at("2026-01-15"));
    let id = rig.open(&order).await;
    let client = client(&rig);
    let page = format!("/sandbox/checkout/{id}");
    let (_, body) = get(&client, &page).await;
    assert!(
        body.contains("Free until 15 January 2026, then USD 20.00"),
        "{body}"
    );
    assert!(body.contains("Start the trial"), "{body}");
    post(&client, &page, &GOOD).await;
    assert!(rig.sandbox.books().payments.is_empty());
    assert_eq!(rig.sandbox.books().subscriptions.len(), 1);
}
