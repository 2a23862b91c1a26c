//! A browser without a script, as far as the portal needs one.

use billing_server::page_routes;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, Method};
use poem::{Endpoint as _, EndpointExt as _, Request, Response};
use serde_json::json;

use crate::rig::{Rig, WRITE, text};

/// What the cookie of a session is called over an encrypted connection.
pub(crate) const COOKIE: &str = "__Host-billing";

/// Where the pages are reached.
pub(crate) const PUBLIC: &str = "https://billing.example.com";

pub(crate) struct Browser {
    pages: BoxEndpoint<'static, Response>,
    /// What it sends as its cookies. Empty: none.
    pub(crate) cookie: String,
}

/// What a browser gets to see.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) page: String,
}

impl Shown {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.page);
        self
    }

    /// Checks that it leads there.
    #[track_caller]
    pub(crate) fn leads(self, to: &str) -> Self {
        let shown = self.is(303);
        assert_eq!(shown.header("location"), to);
        shown
    }

    /// Checks that the page says this.
    #[track_caller]
    pub(crate) fn says(&self, words: &str) -> &Self {
        assert!(self.page.contains(words), "no {words:?}: {}", self.page);
        self
    }

    #[track_caller]
    pub(crate) fn keeps_to_itself(&self, words: &str) -> &Self {
        assert!(!self.page.contains(words), "{words:?}: {}", self.page);
        self
    }

    /// The value of the first field of this name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let field = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .page
            .split_once(&field)
            .unwrap_or_else(|| panic!("no {name}: {}", self.page));
        rest.split('"').next().unwrap().to_owned()
    }

    /// What holds for every page.
    #[track_caller]
    pub(crate) fn is_sound(&self) -> &Self {
        let page = &self.page;
        assert!(
            page.starts_with("<!DOCTYPE html><html lang=\"en\">"),
            "{page}"
        );
        for never in [" style=", " onclick=", "javascript:", "<script>", "<style"] {
            assert!(!page.contains(never), "{never}: {page}");
        }
        for one in ["<h1", "<main "] {
            assert_eq!(page.matches(one).count(), 1, "{one}: {page}");
        }
        for (at, _) in page.match_indices("<input ") {
            let input = page[at..].split('>').next().unwrap();
            if input.contains("type=\"hidden\"") {
                continue;
            }
            let (_, id) = input.split_once("id=\"").expect(input);
            let id = id.split('"').next().unwrap();
            assert!(page.contains(&format!("<label for=\"{id}\">")), "{input}");
            assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
        }
        for (at, _) in page.match_indices("<th") {
            let heading = page[at..].split('>').next().unwrap();
            assert!(
                heading == "<thead" || heading.contains("scope="),
                "{heading}"
            );
        }
        let policy = self.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        self
    }
}

impl Browser {
    pub(crate) fn new(rig: &Rig) -> Self {
        Self {
            pages: page_routes(&rig.state).boxed(),
            cookie: String::new(),
        }
    }

    /// One that has this session.
    pub(crate) fn with(rig: &Rig, token: &str) -> Self {
        Self {
            cookie: format!("{COOKIE}={token}"),
            ..Self::new(rig)
        }
    }

    /// One of this customer.
    pub(crate) async fn of(rig: &Rig, customer: &str) -> Self {
        Self::with(rig, &rig.session(customer).await)
    }

    pub(crate) async fn sends(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Shown {
        let mut request = Request::builder().method(method).uri_str(path);
        if !self.cookie.is_empty() {
            request = request.header("cookie", &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = request
            .content_type("application/x-www-form-urlencoded")
            .body(form);
        let (parts, body) = self.pages.get_response(request).await.into_parts();
        Shown {
            status: parts.status.as_u16(),
            headers: parts.headers,
            page: String::from_utf8_lossy(&body.into_bytes().await.unwrap()).into_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Shown {
        self.sends(Method::GET, path, &[], &[]).await
    }

    /// Sends a form without looking at the page that it is on.
    pub(crate) async fn posts(&self, path: &str, form: &[(&str, &str)]) -> Shown {
        self.sends(Method::POST, path, &[], form).await
    }

    /// The token of its forms.
    pub(crate) async fn proof(&self) -> String {
        self.get("/portal").await.is(200).field("form_token")
    }

    /// Presses a button of a page.
    pub(crate) async fn presses(&self, path: &str, form: &[(&str, &str)]) -> Shown {
        let proof = self.proof().await;
        let mut fields = vec![("form_token", proof.as_str())];
        fields.extend(form);
        self.posts(path, &fields).await
    }
}

/// A link to this customer's billing, as a host leads to it.
pub(crate) async fn link(rig: &Rig, customer: &str) -> String {
    let ask = json!({ "customer": customer, "return_url": format!("{PUBLIC}/session") });
    let made = rig.post("/v1/billing-sessions").by(WRITE).json(ask);
    let url = text(&made.send().await.ok(201)["url"]);
    let (page, link) = url.split_once("?link=").unwrap();
    assert_eq!(page, format!("{PUBLIC}/session"));
    link.to_owned()
}
