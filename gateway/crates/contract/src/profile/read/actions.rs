//! Actions of routes: the subject, the inputs and the response members of each.

use super::super::door::{Field, Input};
use super::super::file::Action;

/// Subject that the `{id}` of a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// No subject: the path has no `{id}`.
    Nothing,
    /// A subscription.
    Subscription,
    /// A subscription, or no subject.
    PerhapsSubscription,
    /// A delivery.
    Delivery,
}

pub(super) fn about(action: Action) -> About {
    match action {
        Action::CreateSubscription
        | Action::ListSubscriptions
        | Action::CreateTenantSecret
        | Action::Feed
        | Action::ListEventTypes => About::Nothing,
        Action::ListDeliveries => About::PerhapsSubscription,
        Action::GetDelivery | Action::RetryDelivery => About::Delivery,
        Action::GetSubscription
        | Action::UpdateSubscription
        | Action::DeleteSubscription
        | Action::ActivateSubscription
        | Action::DisableSubscription
        | Action::RotateSecret
        | Action::RevealSecret
        | Action::TestSubscription
        | Action::RecoverSubscription
        | Action::SubscriptionStats => About::Subscription,
    }
}

/// Returns `true` if the action changes nothing.
pub(super) fn reads(action: Action) -> bool {
    matches!(
        action,
        Action::ListSubscriptions
            | Action::GetSubscription
            | Action::RevealSecret
            | Action::SubscriptionStats
            | Action::ListDeliveries
            | Action::GetDelivery
            | Action::Feed
            | Action::ListEventTypes
    )
}

/// Inputs that the action requires.
pub(super) fn needed(action: Action) -> &'static [Input] {
    match action {
        Action::CreateSubscription => &[Input::Url, Input::Events],
        Action::RecoverSubscription => &[Input::Since],
        _ => &[],
    }
}

pub(super) fn inputs(action: Action) -> &'static [Input] {
    use Input::{
        Cursor, Description, Events, Grace, Limit, Only, Payload, Secret, Since, Status, Types, Until, Url,
        Wait,
    };
    match action {
        Action::CreateSubscription => &[Url, Events, Description, Secret, Payload, Status],
        Action::UpdateSubscription => &[Url, Events, Description, Payload],
        Action::RotateSecret | Action::CreateTenantSecret => &[Secret, Grace],
        Action::ListSubscriptions => &[Cursor, Limit],
        Action::ListDeliveries => &[Cursor, Limit, Status],
        Action::RecoverSubscription => &[Since, Until, Types, Only, Cursor],
        Action::Feed => &[Cursor, Limit, Types, Wait, Since],
        Action::GetSubscription
        | Action::DeleteSubscription
        | Action::ActivateSubscription
        | Action::DisableSubscription
        | Action::RevealSecret
        | Action::TestSubscription
        | Action::SubscriptionStats
        | Action::GetDelivery
        | Action::RetryDelivery
        | Action::ListEventTypes => &[],
    }
}

/// Response members of an action.
///
/// A secret is shown only when it is created, and by the route that exists to show it.
pub(super) fn answers(action: Action) -> &'static [Field] {
    use Field::{
        Attempts, Created, Dead, Delivered, Deliveries, Delivery, Description, Event, Events, Failed,
        FailedShare, Finished, FirstAttempt, HasMore, HttpStatus, Id, Items, LastFailure, LastSuccess,
        LeftOut, LookedAt, NextAttempt, NextCursor, Outcome, P50, P95, Payload, PreviousExpires, Secret,
        Since, Status, Subscription, Trigger, Url, Warned, Window,
    };
    match action {
        Action::CreateSubscription => &[Id, Url, Events, Description, Secret, Payload, Status, Created],
        Action::RotateSecret => &[
            Id,
            Url,
            Events,
            Description,
            Secret,
            PreviousExpires,
            Payload,
            Status,
            Created,
        ],
        Action::RevealSecret => &[Id, Secret, PreviousExpires],
        Action::GetSubscription
        | Action::UpdateSubscription
        | Action::ActivateSubscription
        | Action::DisableSubscription => SUBSCRIPTION,
        Action::CreateTenantSecret => &[Secret, PreviousExpires],
        Action::TestSubscription => &[Id, Delivery],
        Action::RetryDelivery => &[Id],
        Action::RecoverSubscription => &[Deliveries, LookedAt, LeftOut, NextCursor, HasMore],
        Action::SubscriptionStats => &[
            Id,
            Status,
            Window,
            Since,
            Attempts,
            Delivered,
            Failed,
            Dead,
            FailedShare,
            P50,
            P95,
            LastSuccess,
            LastFailure,
            Outcome,
            HttpStatus,
            Warned,
            Items,
        ],
        Action::GetDelivery => &[
            Id,
            Event,
            Subscription,
            Trigger,
            Status,
            Attempts,
            NextAttempt,
            FirstAttempt,
            Finished,
            Outcome,
            Items,
        ],
        Action::DeleteSubscription => &[],
        Action::ListSubscriptions | Action::ListEventTypes => &[Items, NextCursor],
        Action::ListDeliveries | Action::Feed => &[Items, NextCursor, HasMore],
    }
}

pub(super) fn items(action: Action) -> &'static [Field] {
    use Field::{
        Attempts, Created, Data, Dead, Delivered, Description, Entity, Event, Failed, FailedShare, Finished,
        FirstAttempt, HttpStatus, Id, Kind, NextAttempt, Number, Outcome, P50, P95, Reason, Response, Stage,
        Start, Started, Status, Subscription, Took, Trigger,
    };
    match action {
        Action::ListSubscriptions => SUBSCRIPTION,
        Action::ListDeliveries => &[
            Id,
            Event,
            Subscription,
            Trigger,
            Status,
            Attempts,
            NextAttempt,
            FirstAttempt,
            Finished,
            Outcome,
        ],
        Action::GetDelivery => &[
            Number, Started, Took, Outcome, HttpStatus, Response, Stage, Reason,
        ],
        Action::SubscriptionStats => &[Start, Attempts, Delivered, Failed, Dead, FailedShare, P50, P95],
        Action::Feed => &[Id, Kind, Created, Data],
        Action::ListEventTypes => &[Kind, Entity, Description],
        _ => &[],
    }
}

const SUBSCRIPTION: &[Field] = &[
    Field::Id,
    Field::Url,
    Field::Events,
    Field::Description,
    Field::Payload,
    Field::Status,
    Field::Created,
];
