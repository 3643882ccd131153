//! Tests of privacy rules: removed and remaining fields of documents.

mod names;
mod properties;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::dictionary::cases;
use super::*;
use crate::catalogue::{CatalogueType, TypeSpec};
use hookgate_domain::event::RulesMark;
use hookgate_domain::{Event, EventType, Fate, Hops};
use hookgate_json::Document;
use hookgate_json::budget::{TooMuchWork, WorkBudget};

fn kind() -> EventType {
    "customer.created".parse().unwrap()
}

fn classified(schema: &Value) -> Classified {
    let spec = TypeSpec {
        kind: kind(),
        entity: None,
        description: None,
        schema: Some(schema.to_string()),
        validate: false,
        authority: Authority::Tenant,
    };
    let own = CatalogueType::new(spec).unwrap_or_else(|problems| panic!("{}", problems[0]));
    own.classified().clone()
}

/// Rules with a schema of the operator.
fn privacy(classes: &[Class], schema: Option<&Value>) -> Privacy {
    layered(classes, None, schema, Authority::Operator)
}

fn layered(
    classes: &[Class],
    floor: Option<&Value>,
    schema: Option<&Value>,
    authority: Authority,
) -> Privacy {
    let names = Dictionary::of(classes).map(Arc::new);
    let floor = floor.map(|schema| (kind(), classified(schema)));
    let own = schema.map(|schema| {
        let fields = classified(schema);
        (kind(), OwnFields { fields, authority })
    });
    Privacy::new(names.as_ref(), &floor.into_iter().collect(), own, Metadata::Kept)
}

#[track_caller]
fn left(privacy: &Privacy, data: Value) -> Value {
    let mut document = Document::from(data);
    let bytes = document.size_bound();
    let rules = privacy.of(&kind()).expect("rules");
    let work = WorkBudget::new(1 << 20);
    rules.apply(&mut document, &work).expect("it is little work");
    assert!(
        rules.most_work(bytes).is_none_or(|most| work.used() <= most),
        "what is done at once is no more"
    );
    serde_json::from_slice(&document.to_vec()).unwrap()
}

const BOTH: &[Class] = &[Class::Confidential, Class::Restricted];

#[test]
fn the_dictionary_takes_out_what_is_confidential_and_leaves_what_every_event_has() {
    let privacy = privacy(BOTH, None);
    let gone = json!({
        "email": 1, "workEmail": 1, "phone-number": 1, "billing_address": { "street": 1 }, "salary": 1, "lifetimeValue": 1,
        "cost_price": 1, "Margin": 1, "notes": 1, "api-key": 1, "password": 1, "iban": 1, "customer": { "mobile": 1 },
        "contacts": [{ "e_mail": 1 }],
    });
    assert_eq!(left(&privacy, gone), json!({ "customer": {}, "contacts": [{}] }));
    let stays = json!({
        "id": 1, "status": "active", "email_status": "verified", "created_at": 1, "updatedAt": 1, "email_verified_at": 1,
        "discontinued_at": 1, "customer_id": 1, "addressId": 1, "address_id": 1, "contact_ids": [1], "phone_id": 1, "noteId": 1,
        "price_list_id": 1, "type": 1, "name": 1, "assigned_to_id": 1, "previous_status": 1, "valid_from": 1, "token_id": 1,
        "sku": 1, "owner": { "user_id": 1 }, "version": 1, "company_id": 1, "costCenterId": 1, "margin_updated_at": 1,
    });
    assert_eq!(left(&privacy, stays.clone()), stays);
}

#[test]
fn pairs_lose_the_values_of_confidential_names_and_others_stay() {
    let privacy = privacy(BOTH, None);
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (before, after) in cases::PAIRS_TAKEN {
        assert_eq!(left(&privacy, read(before)), read(after), "{before}");
    }
    for pair in cases::PAIRS_KEPT {
        assert_eq!(left(&privacy, read(pair)), read(pair), "{pair}");
    }
    let named_public = json!({ "properties": { "new": { "x-classification": "public" } } });
    let privacy = self::privacy(BOTH, Some(&named_public));
    let data = json!({ "field": "email", "old": 1, "new": 2 });
    assert_eq!(left(&privacy, data), json!({ "field": "email", "new": 2 }));
}

#[test]
fn classified_places_go_wherever_the_schema_finds_them() {
    let schema = json!({
        "properties": {
            "id": { "x-classification": "public" },
            "salutation": { "x-classification": "internal" },
            "who": { "$ref": "#/$defs/person" },
            "people": { "items": { "$ref": "#/$defs/person" } },
            "pair": { "prefixItems": [{}, { "x-classification": "restricted" }], "items": { "x-classification": "public" } },
            "either": { "anyOf": [{ "properties": { "a": { "x-classification": "confidential" } } }, { "$ref": "#/$defs/person" }] },
            "map": { "patternProperties": { "^sec-": { "x-classification": "restricted" } } },
            "closed": { "properties": { "id": {} }, "additionalProperties": { "x-classification": "confidential" } },
        },
        "allOf": [{ "properties": { "other": { "x-classification": "confidential" } } }],
        "if": { "required": ["id"] },
        "then": { "properties": { "chosen": { "x-classification": "restricted" } } },
        "$defs": {
            "person": { "properties": { "born": { "x-classification": "restricted" }, "child": { "$ref": "#/$defs/person" } } },
        },
    });
    let rules = privacy(&[], Some(&schema));
    let data = json!({
        "id": 1, "salutation": 1, "other": { "id": 1 }, "chosen": 1, "unknown": 1,
        "who": { "born": 1, "name": 1, "child": { "born": 1, "name": 2, "child": { "born": 1 } } },
        "people": [{ "born": 1, "name": 1 }, { "born": [1] }, 7],
        "pair": [1, 2, 3], "either": { "a": 1, "b": 1, "born": 1 },
        "map": { "sec-a": 1, "a-sec-": 1 }, "closed": { "id": 1, "more": 1 },
    });
    let expected = json!({
        "id": 1, "unknown": 1,
        "who": { "name": 1, "child": { "name": 2, "child": {} } },
        "people": [{ "name": 1 }, {}, 7],
        "pair": [1, 3], "either": { "b": 1 }, "map": { "a-sec-": 1 }, "closed": { "id": 1 },
    });
    assert_eq!(left(&rules, data), expected);
    // A value of another kind than the schema expects is harmless.
    assert_eq!(
        left(&rules, json!([{ "salutation": 1 }])),
        json!([{ "salutation": 1 }])
    );
    assert_eq!(left(&rules, json!("text")), json!("text"));
}

#[test]
fn with_a_default_nothing_passes_but_what_is_named_public() {
    let schema = json!({
        "x-default-classification": "confidential",
        "properties": {
            "id": { "x-classification": "public" },
            "customer": { "properties": { "id": { "x-classification": "public" }, "tier": {} } },
            "lines": { "items": { "properties": { "sku": { "x-classification": "public" } } } },
            "shop": {
                "x-classification": "public",
                "properties": { "till": { "x-classification": "restricted" }, "city": {} },
            },
        },
    });
    let rules = privacy(&[], Some(&schema));
    let data = json!({
        "id": 1, "unknown": 1, "customer": { "id": 1, "tier": 1, "name": 1 }, "lines": [{ "sku": 1, "n": 1 }, { "n": 1 }],
        "shop": { "till": 1, "city": 1, "unknown": { "a": 1 } },
    });
    let expected = json!({
        "id": 1, "customer": { "id": 1 }, "lines": [{ "sku": 1 }], "shop": { "city": 1, "unknown": { "a": 1 } },
    });
    assert_eq!(left(&rules, data), expected);
    for (data, expected) in [
        (json!({ "a": 1 }), json!({})),
        (json!([1]), json!([])),
        (json!("x"), json!(null)),
    ] {
        assert_eq!(left(&rules, data), expected);
    }
    let nothing = privacy(&[], Some(&json!({ "x-classification": "restricted" })));
    assert_eq!(left(&nothing, json!({ "id": 1 })), json!({}));
}

#[test]
fn what_the_schema_names_public_stays_whatever_its_name_and_what_is_inside_does_not() {
    let schema = json!({ "properties": {
        "shipping_cost": { "x-classification": "public" },
        "address": { "x-classification": "public" },
    } });
    let rules = privacy(BOTH, Some(&schema));
    let data = json!({ "shipping_cost": 1, "cost": 1, "address": { "country": 1, "street": 1 }, "email": 1 });
    assert_eq!(
        left(&rules, data),
        json!({ "shipping_cost": 1, "address": { "country": 1 } })
    );
}

/// Remaining metadata.
fn metadata_left(privacy: &Privacy, metadata: Value) -> Value {
    let mut document = Some(Document::from(metadata));
    let rules = privacy.of(&kind()).expect("rules");
    rules
        .apply_to_metadata(&mut document, &WorkBudget::small())
        .unwrap();
    document.map_or(Value::Null, |document| {
        serde_json::from_slice(&document.to_vec()).unwrap()
    })
}

#[test]
fn metadata_loses_what_the_dictionary_names_and_the_schema_classifies() {
    let metadata = json!({
        "id": "1", "source": "/crm", "subject": "cus_1", "customeremail": "planted", "trace": { "by": "anna", "id": 7 },
        "header": { "name": "email", "value": "planted" },
    });
    let by_name = json!({
        "id": "1", "source": "/crm", "subject": "cus_1", "trace": { "by": "anna", "id": 7 }, "header": { "name": "email" },
    });
    assert_eq!(metadata_left(&privacy(BOTH, None), metadata.clone()), by_name);

    let schema = json!({
        "x-metadata-schema": { "properties": {
            "subject": { "x-classification": "confidential" },
            "trace": { "$ref": "#/$defs/trace" },
            "customeremail": { "x-classification": "public" },
        } },
        "$defs": { "trace": { "properties": { "by": { "x-classification": "internal" } } } },
    });
    let rules = privacy(BOTH, Some(&schema));
    let left_of_it = json!({
        "id": "1", "source": "/crm", "customeremail": "planted", "trace": { "id": 7 }, "header": { "name": "email" },
    });
    assert_eq!(metadata_left(&rules, metadata.clone()), left_of_it);
    // The data has no subject.
    assert_eq!(left(&rules, json!({ "subject": 1 })), json!({ "subject": 1 }));
}

#[test]
fn closed_schema_empties_metadata_but_for_what_it_names_public() {
    let metadata =
        json!({ "id": "1", "source": "/crm", "subject": "planted", "trace": { "id": 7, "by": "planted" } });
    let closed = json!({ "x-default-classification": "restricted" });
    assert_eq!(
        metadata_left(&privacy(BOTH, Some(&closed)), metadata.clone()),
        json!({})
    );
    let public = json!({ "x-classification": "public" });
    let some = json!({
        "x-default-classification": "restricted",
        "properties": { "subject": public },
        "x-metadata-schema": { "properties": {
            "source": public, "trace": { "properties": { "id": public } },
        } },
    });
    let rules = privacy(&[], Some(&some));
    let left_of_it = json!({ "source": "/crm", "trace": { "id": 7 } });
    assert_eq!(metadata_left(&rules, metadata), left_of_it);
    let data = json!({ "subject": 1, "source": 1 });
    assert_eq!(left(&rules, data), json!({ "subject": 1 }));
}

#[test]
fn metadata_goes_whole_where_none_is_kept() {
    let none = Privacy::new(None, &BTreeMap::new(), [], Metadata::Dropped);
    let data = json!({ "email": "stays" });
    assert_eq!(left(&none, data.clone()), data);
    assert_eq!(metadata_left(&none, json!({ "source": "/crm" })), Value::Null);
    let stored = event(&data);
    let shown = none
        .anew(&stored)
        .expect("rules")
        .shown(&stored, &WorkBudget::small());
    assert_eq!(shown.unwrap().metadata, None);
    assert!(
        Privacy::new(None, &BTreeMap::new(), [], Metadata::Kept)
            .of(&kind())
            .is_none()
    );
}

#[test]
fn equal_rules_have_equal_marks_and_others_have_others() {
    let mark = |privacy: &Privacy| privacy.of(&kind()).map(Rules::mark);
    let schema = json!({ "properties": { "a": { "x-classification": "restricted" } } });
    let all = [
        privacy(&[], None),
        privacy(BOTH, None),
        privacy(&[Class::Restricted], None),
        privacy(&[], Some(&schema)),
        privacy(BOTH, Some(&schema)),
        Privacy::new(None, &BTreeMap::new(), [], Metadata::Dropped),
        privacy(&[], Some(&json!({ "x-metadata-schema": schema }))),
        layered(BOTH, Some(&schema), Some(&schema), Authority::Tenant),
    ];
    for (n, one) in all.iter().enumerate() {
        for (m, other) in all.iter().enumerate() {
            assert_eq!(mark(one) == mark(other), n == m, "{n} {m}");
        }
    }
    assert_eq!(mark(&all[4]), mark(&privacy(BOTH, Some(&schema))));
}

fn event(data: &Value) -> Event {
    Event {
        id: "evt".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        kind: kind(),
        created: Default::default(),
        accepted: Default::default(),
        data: data.to_string().into(),
        metadata: Some("{\"a\":1}".into()),
        deliver_to: None,
        fate: Fate::Published,
        steps: Vec::new(),
        rules: RulesMark::default(),
        hops: Hops::default(),
        trace: None,
    }
}

#[test]
fn stored_event_is_withheld_whole_when_it_takes_too_much_work() {
    let privacy = privacy(
        &[],
        Some(&json!({ "patternProperties": { "^p": { "x-classification": "restricted" } } })),
    );
    let stored = event(&json!({ "p1": "planted", "q": "stays" }));
    let rules = privacy.anew(&stored).expect("other rules");
    let shown = rules.shown(&stored, &WorkBudget::small()).unwrap();
    assert_eq!(shown.data, r#"{"q":"stays"}"#);
    assert!(privacy.anew(&shown).is_none());
    let short = WorkBudget::new(3);
    assert_eq!(
        rules.shown(&stored, &short).map(|event| event.data),
        Err(TooMuchWork { max: 3 })
    );
    let withheld = rules.withheld(&stored);
    assert_eq!(
        (withheld.data.as_ref(), withheld.metadata),
        (b"null".as_ref(), None)
    );
}

#[test]
fn long_keys_are_withheld_where_patterns_classify() {
    let schema = json!({
        "properties": { "known": {} },
        "patternProperties": { "^[ab]{1,20}$": { "x-classification": "restricted" } },
    });
    let privacy = privacy(&[], Some(&schema));
    let (long, short) = ("x".repeat(1025), "x".repeat(1024));
    let data = json!({ "known": 1, "ab": 1, short.as_str(): 1, long.as_str(): 1 });
    assert_eq!(left(&privacy, data), json!({ "known": 1, short.as_str(): 1 }));
}

#[test]
fn patterns_that_are_too_large_today_withhold_what_they_might_classify() {
    let schema = json!({
        "properties": { "known": {} },
        "patternProperties": { "[ab]*a[ab]{4000}[cd]": { "x-classification": "public" } },
    });
    let spec = TypeSpec {
        kind: kind(),
        entity: None,
        description: None,
        schema: Some(schema.to_string()),
        validate: false,
        authority: Authority::Tenant,
    };
    assert!(CatalogueType::new(spec.clone()).is_err());
    let stored = CatalogueType::stored(spec).unwrap();
    assert_eq!(stored.unusable_patterns(), 1);
    let own = OwnFields {
        fields: stored.classified().clone(),
        authority: Authority::Tenant,
    };
    let privacy = Privacy::new(None, &BTreeMap::new(), [(kind(), own)], Metadata::Kept);
    assert_eq!(
        left(&privacy, json!({ "known": 1, "other": 1 })),
        json!({ "known": 1 })
    );
}

#[test]
fn floor_of_a_profile_is_lifted_by_the_operator_alone() {
    let (public, secret) = (
        json!({ "x-classification": "public" }),
        json!({ "x-classification": "internal" }),
    );
    let schema = json!({ "properties": { "password": public, "nested": { "properties": { "email": public } }, "code": secret } });
    let data = json!({ "id": 1, "password": 1, "nested": { "email": 1, "n": 1 }, "salary": 1, "code": 1 });
    let tenants = layered(BOTH, None, Some(&schema), Authority::Tenant);
    assert_eq!(
        left(&tenants, data.clone()),
        json!({ "id": 1, "nested": { "n": 1 } })
    );
    let operators = layered(BOTH, None, Some(&schema), Authority::Operator);
    let lifted = json!({ "id": 1, "password": 1, "nested": { "email": 1, "n": 1 } });
    assert_eq!(left(&operators, data.clone()), lifted);
    let marks = [&tenants, &operators].map(|privacy| privacy.of(&kind()).unwrap().mark());
    assert_ne!(
        marks[0], marks[1],
        "events that were stored under the other are looked through again"
    );

    // The profile's own schema is part of the floor: an allow-list that the tenant cannot widen,
    // and can narrow.
    let floor = json!({
        "x-default-classification": "confidential",
        "properties": { "id": public, "email": public, "nested": { "properties": { "n": public } } },
    });
    let wider =
        json!({ "properties": { "salary": public, "extra": public, "id": public, "nested": secret } });
    let data = json!({ "id": 1, "email": 1, "extra": 1, "salary": 1, "nested": { "n": 1, "m": 1 } });
    let profile = layered(BOTH, Some(&floor), None, Authority::Tenant);
    assert_eq!(
        left(&profile, data.clone()),
        json!({ "id": 1, "email": 1, "nested": { "n": 1 } })
    );
    let both = layered(BOTH, Some(&floor), Some(&wider), Authority::Tenant);
    assert_eq!(left(&both, data.clone()), json!({ "id": 1, "email": 1 }));
    let replaced = layered(BOTH, Some(&floor), Some(&wider), Authority::Operator);
    assert_eq!(left(&replaced, data), json!({ "id": 1, "extra": 1, "salary": 1 }));
}

#[test]
fn floor_of_a_profile_holds_for_metadata_too() {
    let public = json!({ "x-classification": "public" });
    let metadata = json!({ "source": "/crm", "subject": "s", "email": 1, "trace": { "id": 7, "by": 1 } });
    let own = json!({ "x-metadata-schema": { "properties": { "email": public, "subject": public } } });
    let tenants = layered(BOTH, None, Some(&own), Authority::Tenant);
    let without = json!({ "source": "/crm", "subject": "s", "trace": { "id": 7, "by": 1 } });
    assert_eq!(metadata_left(&tenants, metadata.clone()), without);
    let operators = layered(BOTH, None, Some(&own), Authority::Operator);
    assert_eq!(metadata_left(&operators, metadata.clone()), metadata);

    // A closed floor removes all but its public fields; the tenant can remove more and never less.
    let closed = json!({ "x-default-classification": "confidential" });
    let some = json!({
        "x-default-classification": "confidential",
        "x-metadata-schema": { "properties": { "source": public, "trace": { "properties": { "id": public } } } },
    });
    let narrower = json!({ "x-metadata-schema": { "properties": {
        "source": { "x-classification": "internal" }, "subject": public,
    } } });
    let data_only = json!({ "properties": { "id": public } });
    let (tenant, operator) = (Authority::Tenant, Authority::Operator);
    for (floor, own, authority, expected) in [
        (&closed, None, tenant, json!({})),
        (&closed, Some(&own), tenant, json!({})),
        (&closed, Some(&data_only), operator, json!({})),
        (
            &some,
            None,
            tenant,
            json!({ "source": "/crm", "trace": { "id": 7 } }),
        ),
        (
            &some,
            Some(&own),
            tenant,
            json!({ "source": "/crm", "trace": { "id": 7 } }),
        ),
        (&some, Some(&narrower), tenant, json!({ "trace": { "id": 7 } })),
        (
            &some,
            Some(&data_only),
            tenant,
            json!({ "source": "/crm", "trace": { "id": 7 } }),
        ),
        (&closed, Some(&own), operator, metadata.clone()),
    ] {
        let rules = layered(BOTH, Some(floor), own, authority);
        assert_eq!(
            metadata_left(&rules, metadata.clone()),
            expected,
            "{floor} {own:?}"
        );
        let stored = Event {
            metadata: Some(metadata.to_string().into()),
            ..event(&json!({}))
        };
        let shown = rules
            .anew(&stored)
            .expect("rules")
            .shown(&stored, &WorkBudget::small());
        let shown = shown.unwrap().metadata.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&shown).unwrap(), expected);
    }
}
