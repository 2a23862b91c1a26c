//! Tests of what is repeated and after how long.

use bytes::Bytes;

use super::*;

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Response {
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect(),
        body: Bytes::new(),
        attempts: 1,
        earlier_unknown: false,
        request_id: None,
    }
}

fn unknown(reason: UnknownReason) -> HttpError {
    HttpError::Unknown {
        target: String::new(),
        attempts: 1,
        reason,
        status: None,
        request_id: None,
        source: None,
    }
}

#[test]
fn only_passing_statuses_are_repeated() {
    let repeated: Vec<u16> = (200..600)
        .filter(|status| pause(&Ok(answer(*status, &[])), 1, 0, None).is_some())
        .collect();
    assert_eq!(repeated, [429, 500, 502, 503, 504]);
}

#[test]
fn lost_answers_are_repeated_and_hopeless_ones_not() {
    for (error, repeated) in [
        (unknown(UnknownReason::TimedOut), true),
        (unknown(UnknownReason::ConnectionLost), true),
        (unknown(UnknownReason::AnswerTooLarge { limit: 1 }), false),
        (
            HttpError::Invalid {
                target: String::new(),
                problem: String::new(),
            },
            false,
        ),
    ] {
        let result = Err(error);
        assert_eq!(pause(&result, 1, 0, None).is_some(), repeated, "{result:?}");
    }
}

#[test]
fn the_pause_doubles_up_to_the_cap_and_chance_shortens_it() {
    let longest: Vec<u128> = (1..=7)
        .map(|attempt| backoff(attempt, u64::MAX).as_millis())
        .collect();
    // One nanosecond short of 500, 1000, ... 8000.
    assert_eq!(longest, [499, 999, 1999, 3999, 7999, 7999, 7999]);
    assert_eq!(backoff(3, 1 << 63), Duration::from_secs(1));
    assert_eq!(backoff(3, 0), Duration::ZERO);
    assert!(backoff(u32::MAX, u64::MAX) < BACKOFF_CAP);
}

#[test]
fn a_wish_is_added_to_the_pause_and_a_long_one_ends_the_call() {
    let wish =
        |text: &str, chance| pause(&Ok(answer(429, &[("retry-after", text)])), 1, chance, None);
    assert_eq!(wish("3", 0), Some(Duration::from_secs(3)));
    assert_eq!(wish("3", 1 << 63), Some(Duration::from_millis(3250)));
    assert_eq!(wish("10", 0), Some(RETRY_AFTER_CAP));
    assert_eq!(wish("11", 0), None);
    assert_eq!(wish("99999999999999999999999999", 0), None);
    assert_eq!(wish("soon", 1 << 63), Some(Duration::from_millis(250)));
}

#[test]
fn a_date_is_compared_with_the_clock_of_the_far_side() {
    let wish = |until: &str, date: Option<&str>| {
        let mut headers = vec![("retry-after", until)];
        headers.extend(date.map(|date| ("date", date)));
        answer(503, &headers).retry_after()
    };
    let date = Some("Sun, 06 Nov 1994 08:49:30 GMT");
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(wish("Sun, 06 Nov 1994 08:49:37 GMT", date), seconds(7));
    assert_eq!(wish("Sun, 06 Nov 1994 08:49:00 GMT", date), seconds(0));
    assert_eq!(wish("Sun, 06 Nov 1994 08:49:37 GMT", None), None);
    assert_eq!(wish("yesterday", date), None);
    assert_eq!(wish("-5", date), None);
    assert_eq!(wish("", date), None);
}

#[test]
fn only_refusals_by_rate_and_failed_connections_are_free_of_effect() {
    assert!(!may_have_acted(&Ok(answer(429, &[]))));
    assert!(may_have_acted(&Ok(answer(500, &[]))));
    assert!(may_have_acted(&Ok(answer(503, &[]))));
    assert!(may_have_acted(&Err(unknown(UnknownReason::TimedOut))));
}

#[test]
fn the_far_side_s_own_word_counts_more_than_the_status() {
    let verdict = HeaderName::from_static("should-retry");
    let repeated = |status, said: Option<&str>| {
        let headers: Vec<_> = said
            .map(|said| ("should-retry", said))
            .into_iter()
            .collect();
        pause(&Ok(answer(status, &headers)), 1, 0, Some(&verdict)).is_some()
    };
    for status in [200, 400, 402, 409, 429, 500, 503] {
        assert_eq!(repeated(status, Some("true")), status != 200, "{status}");
        assert!(!repeated(status, Some("false")), "{status}");
        for nothing in [None, Some("perhaps")] {
            let by_status = matches!(status, 429 | 500 | 503);
            assert_eq!(repeated(status, nothing), by_status, "{status}");
        }
    }
    // Who does not heed it goes by the status, and nobody waits beyond the cap.
    let told = answer(409, &[("should-retry", "true")]);
    assert_eq!(pause(&Ok(told), 1, 0, None), None);
    let long = answer(409, &[("should-retry", "true"), ("retry-after", "60")]);
    assert_eq!(pause(&Ok(long), 1, 0, Some(&verdict)), None);
}
