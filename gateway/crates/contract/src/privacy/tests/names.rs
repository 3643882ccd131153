//! Tests of a profile's own names.

use super::*;

#[test]
fn own_names_of_a_profile_go_with_the_dictionary_or_alone() {
    let own = ["margin_band".to_owned(), "*leadScore*".to_owned()];
    let data = json!({ "MarginBand": 1, "customer_lead_score_v2": 1, "email": 1, "id": 1 });
    for (classes, expected) in [(BOTH, json!({ "id": 1 })), (&[], json!({ "email": 1, "id": 1 }))] {
        let names = Dictionary::with_own(classes, &own).unwrap().map(Arc::new);
        let privacy = Privacy::new(names.as_ref(), &BTreeMap::new(), [], Metadata::Kept);
        assert_eq!(left(&privacy, data.clone()), expected);
    }
    for bad in ["", "*", "a|b", "/a", "a b", "a*b", "~a", "_", &"x".repeat(129)] {
        assert!(Dictionary::check_name(bad).is_err(), "{bad}");
    }
    for good in ["margin_band", "*lead-score*", "tier*", "größe"] {
        assert!(Dictionary::check_name(good).is_ok(), "{good}");
    }
}
