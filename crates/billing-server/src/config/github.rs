//! Whom GitHub is asked to invite: how it is told. Asks nobody.

use secrecy::SecretString;
use url::Url;

use super::keys::keys_of;
use super::providers::secret;
use super::reader::Reader;
use super::values::public_url;

/// Longest name of an organization or of a team there.
const MAX_NAME: usize = 100;

/// Plans that are named at most.
const MAX_PLANS: usize = 100;

/// Where GitHub is asked by whoever says nothing else.
const GITHUB: &str = "https://api.github.com";

/// Whom GitHub is asked to invite.
#[derive(Debug, Clone)]
pub struct GitHubConfig {
    /// The token that it is asked under.
    pub token: SecretString,
    /// The organization.
    pub organization: String,
    /// The team of it, by the name in its address. `None`: the organization alone.
    pub team: Option<String>,
    /// The plans that come with an invitation, by their keys.
    pub plans: Vec<String>,
    /// Where it is asked.
    pub base_url: Url,
}

pub(super) fn github(reader: &mut Reader<'_>) -> Option<GitHubConfig> {
    if !keys_of("github").any(|key| reader.says(key)) {
        return None;
    }
    let token = secret(
        reader,
        "github.token",
        "a token of an owner of the organization",
    );
    let expected = "the name of an organization, as in its address";
    reader.require("github.organization", expected);
    let organization = reader.value("github.organization", expected, name);
    let team = reader.value("github.team", "the name of a team, as in its address", name);
    let expected = "keys of plans apart by commas, as in the plan file";
    reader.require("github.plans", expected);
    let plans = reader.value("github.plans", expected, plans);
    let base_url = reader.value("github.base_url", "an http or https address", public_url);
    let base_url = base_url.or_else(|| Url::parse(GITHUB).ok());
    Some(GitHubConfig {
        token: token?,
        organization: organization?,
        team,
        plans: plans?,
        base_url: base_url?,
    })
}

fn name(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain);
    (fits && !text.starts_with('.')).then(|| text.to_owned())
}

fn plans(text: &str) -> Option<Vec<String>> {
    let plans: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
    let keys = plans
        .iter()
        .all(|plan| plan.parse::<billing_domain::catalog::PlanKey>().is_ok());
    (keys && plans.len() <= MAX_PLANS).then_some(plans)
}
