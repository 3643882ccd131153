//! Tests of the plugin as a step runs it.

use hookgate_sdk::{Phase, Verdict, testing};

use crate::Redact;

#[path = "dictionary_cases.rs"]
mod cases;

#[track_caller]
fn redacts(settings: &str, before: &str, after: &str) {
    let outcome = testing::event("customer.created")
        .data(before)
        .settings(settings)
        .run::<Redact>();
    assert_eq!(outcome.verdict, Ok(Verdict::Pass));
    assert_eq!(outcome.data, after);
}

#[test]
fn without_settings_the_whole_dictionary_is_removed() {
    redacts(
        "{}",
        r#"{"id":1,"email":"a","salary":2,"password":"x"}"#,
        r#"{"id":1}"#,
    );
}

#[test]
fn confidential_takes_details_out_and_leaves_identity_status_dates_and_relationships() {
    let before = r#"{
        "id":"cus_1","object":"customer","name":"Anna","first_name":"Anna","status":"active","type":"person","tenant_id":"t",
        "created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-02T00:00:00Z","email_verified_at":"2026-01-01T00:00:00Z",
        "password_changed_at":"2026-01-01","contact_id":"con_1","address_id":"adr_1","email_id":7,"account_number":"A-1",
        "assigned_to":"rep_3","currency":"EUR","price":10.50,"total":21.00,"description":"A widget","token_type":"x",
        "email":"a@b.c","Contact-Email":"a@b.c","workPhone":"+1","phoneNumber":"1","phone_number_2":"2","mobile":"1","tel":"2",
        "address":{"street":"x","city":"y"},"billing_address":{"zip":"1"},"postal_code":"1","address_line_1":"x",
        "lifetimeValue":5.00,"customer_lifetime_value_cents":500,"ltv":5,"cost_price":1.25,"old_cost_price":1,"grossMargin":0.4,
        "margin_percent":40,"notes":"x","internal_notes":"y","comment":"z","remarks":["w"],
        "salary":1,"base_salary_usd":1,"annual_bonus":2,"commission_rate":0.1,
        "password":"x","password_hash":"y","api_key":"k","client_secret":"s","accessToken":"t","webhookSecret":"w",
        "iban":"DE","card_number":"4111","cvc":"1","ssn":"1","date_of_birth":"1990-01-01",
        "items":[{"sku":"s","unit_cost":1,"quantity":2,"metadata":{"supplier":{"id":"sup_1","e-mail":"x"}}}]
    }"#;
    let after = concat!(
        r#"{"id":"cus_1","object":"customer","name":"Anna","first_name":"Anna","status":"active","type":"person","tenant_id":"t","#,
        r#""created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-02T00:00:00Z","email_verified_at":"2026-01-01T00:00:00Z","#,
        r#""password_changed_at":"2026-01-01","contact_id":"con_1","address_id":"adr_1","email_id":7,"account_number":"A-1","#,
        r#""assigned_to":"rep_3","currency":"EUR","price":10.50,"total":21.00,"description":"A widget","token_type":"x","#,
        r#""items":[{"sku":"s","quantity":2,"metadata":{"supplier":{"id":"sup_1"}}}]}"#,
    );
    redacts(r#"{"classes":["confidential"]}"#, before, after);
    redacts(r#"{"classes":["confidential","restricted"]}"#, before, after);
}

/// An object with a member for each word of a list.
fn members(names: &str) -> String {
    let members: Vec<String> = names
        .split_whitespace()
        .map(|name| format!("\"{name}\":1"))
        .collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn dictionary_takes_confidential_names_and_leaves_others() {
    // The test double does not fold look-alike characters; the gateway does.
    let ascii: Vec<&str> = cases::TAKEN
        .split_whitespace()
        .filter(|name| name.is_ascii())
        .collect();
    assert!(ascii.len() >= 150, "{}", ascii.len());
    redacts(
        r#"{"classes":["confidential"]}"#,
        &members(&ascii.join(" ")),
        "{}",
    );
    let kept = members(cases::KEPT);
    redacts(r#"{"classes":["confidential"]}"#, &kept, &kept);
}

#[test]
fn pairs_lose_the_values_of_confidential_names_and_others_stay() {
    for (before, after) in cases::PAIRS_TAKEN {
        redacts(r#"{"classes":["confidential"]}"#, before, after);
    }
    for pair in cases::PAIRS_KEPT {
        redacts(r#"{"classes":["confidential"]}"#, pair, pair);
    }
    let fields = r#"{"fields":["/**/~nickname","/a/*/b"],"action":"mask"}"#;
    redacts(
        fields,
        r#"{"a":[{"key":"b","value":1}],"c":{"name":"nick_name","value":2},"key":"b","value":3}"#,
        r#"{"a":[{"key":"b","value":"[redacted]"}],"c":{"name":"nick_name","value":"[redacted]"},"key":"b","value":3}"#,
    );
}

/// Runs a step in a phase and returns the metadata that it leaves.
fn metadata_after(settings: &str, phase: Phase, metadata: &str) -> String {
    let event = testing::event("customer.created");
    let mut info = event.clone().with(|event| event.info().clone());
    info.phase = phase;
    let outcome = event
        .info(info)
        .metadata(metadata)
        .settings(settings)
        .run::<Redact>();
    assert_eq!(outcome.verdict, Ok(Verdict::Pass));
    outcome.metadata
}

#[test]
fn metadata_is_redacted_as_the_data_is() {
    let metadata = r#"{"id":"1","source":"/crm","subject":"anna@example.com","customeremail":"x","trace":{"email":"y"}}"#;
    for (settings, after) in [
        (
            "{}",
            r#"{"id":"1","source":"/crm","subject":"anna@example.com","trace":{}}"#,
        ),
        (
            r#"{"classes":["confidential"],"values":["email"]}"#,
            r#"{"id":"1","source":"/crm","trace":{}}"#,
        ),
        (
            r#"{"fields":["/subject"],"action":"mask"}"#,
            r#"{"id":"1","source":"/crm","subject":"[redacted]","customeremail":"x","trace":{"email":"y"}}"#,
        ),
        (r#"{"keep":["/id","/source"]}"#, r#"{"id":"1","source":"/crm"}"#),
        (r#"{"values":["email"],"metadata":false}"#, metadata),
    ] {
        assert_eq!(
            metadata_after(settings, Phase::Ingress, metadata),
            after,
            "{settings}"
        );
        assert_eq!(
            metadata_after(settings, Phase::Delivery, metadata),
            metadata,
            "{settings}"
        );
    }
    assert_eq!(metadata_after(r#"{"keep":["/id"]}"#, Phase::Ingress, "{}"), "{}");
}

#[test]
fn restricted_alone_leaves_what_is_only_confidential() {
    redacts(
        r#"{"classes":["restricted"]}"#,
        r#"{"email":"a@b.c","cost":1,"notes":"n","salary":1,"secret":"s","iban":"i","ssn":"1"}"#,
        r#"{"email":"a@b.c","cost":1,"notes":"n"}"#,
    );
}

#[test]
fn names_can_be_excepted() {
    redacts(
        r#"{"classes":["confidential"],"except":["Address","*comment"]}"#,
        r#"{"email":"e","ip_address":"1","comment":"c","comments":"d"}"#,
        r#"{"ip_address":"1","comment":"c"}"#,
    );
}

#[test]
fn own_fields_alone_leave_the_dictionary_out() {
    redacts(
        r#"{"fields":["/a/*/b","/**/~nickname"]}"#,
        r#"{"a":[{"b":1,"c":2}],"NickName":"x","email":"e"}"#,
        r#"{"a":[{"c":2}],"email":"e"}"#,
    );
}

#[test]
fn actions() {
    let data = r#"{"phone":"5550123","id":1,"address":{"zip":"1"}}"#;
    redacts(
        r#"{"classes":["confidential"],"action":"mask"}"#,
        data,
        r#"{"phone":"[redacted]","id":1,"address":"[redacted]"}"#,
    );
    redacts(
        r#"{"classes":["confidential"],"action":"mask","mask":"x"}"#,
        data,
        r#"{"phone":"x","id":1,"address":"x"}"#,
    );
    redacts(
        r#"{"fields":["/phone"],"action":"keep-last"}"#,
        data,
        r#"{"phone":"***0123","id":1,"address":{"zip":"1"}}"#,
    );
    redacts(
        r#"{"fields":["/phone"],"action":"keep-last","keep_last":2}"#,
        data,
        r#"{"phone":"*****23","id":1,"address":{"zip":"1"}}"#,
    );
}

#[test]
fn equal_values_get_equal_pseudonyms() {
    let outcome = testing::event("a")
        .data(r#"{"a":{"email":"x"},"b":{"email":"x"},"c":{"email":"y"}}"#)
        .settings(r#"{"classes":["confidential"],"action":"pseudonym","label":"who"}"#)
        .run::<Redact>();
    let emails: Vec<&str> = outcome
        .data
        .split('"')
        .filter(|part| part.starts_with("who:"))
        .collect();
    assert_eq!(emails.len(), 3);
    assert_eq!(emails[0], emails[1]);
    assert_ne!(emails[0], emails[2]);
}

#[test]
fn a_projection_lets_nothing_else_pass() {
    let data = r#"{"id":1,"customer":{"id":2,"email":"e","x":3},"y":[{"z":1}]}"#;
    redacts(
        r#"{"keep":["/id","/customer"]}"#,
        data,
        r#"{"id":1,"customer":{"id":2,"email":"e","x":3}}"#,
    );
    redacts(
        r#"{"keep":["/id","/customer"],"classes":["confidential"]}"#,
        data,
        r#"{"id":1,"customer":{"id":2,"x":3}}"#,
    );
}

#[test]
fn by_value_in_free_text_and_alone() {
    redacts(
        r#"{"values":["email","card"]}"#,
        r#"{"subject":"From a@b.de with 4111 1111 1111 1111","to":["a@b.de","Anna"],"*":" c@d.de ","n":5}"#,
        r#"{"subject":"From [redacted] with [redacted]","to":["Anna"],"n":5}"#,
    );
    redacts(
        r#"{"values":["card"],"action":"keep-last"}"#,
        r#"{"a":"4111111111111111","b":"card 4111111111111111!","c":"a@b.de"}"#,
        r#"{"a":"************1111","b":"card ************1111!","c":"a@b.de"}"#,
    );
}

#[test]
fn every_problem_of_the_settings_has_its_pointer() {
    let problems = testing::check_settings::<Redact>(
        r#"{"clases":[],"classes":["secret"],"fields":["email",5,""],"keep":[],"values":"email","action":"hide",
            "keep_last":0,"mask":1,"except":["nonsense"],"metadata":"yes"}"#,
    );
    let pointers: Vec<String> = problems
        .expect_err("they are wrong")
        .into_iter()
        .map(|problem| problem.pointer)
        .collect();
    assert_eq!(
        pointers,
        [
            "/clases",
            "/classes/0",
            "/fields/0",
            "/fields/1",
            "/fields/2",
            "/keep",
            "/except/0",
            "/values",
            "/metadata",
            "/action",
            "/mask",
            "/keep_last",
        ]
    );
}

#[test]
fn good_settings_have_no_problem() {
    for settings in [
        "{}",
        r#"{"classes":["confidential","restricted"],"metadata":false}"#,
        r#"{"fields":["/a","/**/~b|*c"],"action":"pseudonym","label":"x"}"#,
        r#"{"keep":[""],"values":["email","card"],"action":"mask","mask":""}"#,
    ] {
        assert_eq!(testing::check_settings::<Redact>(settings), Ok(()), "{settings}");
    }
}
