//! Names and pairs that the dictionary takes, and those that stay. Shared by the tests of the
//! plugin and of the gateway.

/// Keys whose values are removed when both classes are redacted.
pub(crate) const TAKEN: &str = "
    email e-mail E_MAIL EMAIL emailAddress email_address email_addr emailAddr emailaddr email_work email_value email_01 email4
    email_list emails_csv emailData email_raw email_normalized email_old email_new email_before email_after emailHome
    emailPrimary email_cc customer_email_lower customer_email customeremail billingEmail work_email mail mailto
    phone phoneNo phone_no phone_e164 phone_home phoneWork phone_formatted home_phone phone_number mobile mobile_no mobileNumber
    tel tel_no telno TelHome contact_number landline msisdn whatsapp_number fax faxNumber
    address addr addr2 address_line_4 address_old address_street addressStreet address_city address_text address_details
    addressBook old_address street street_2 plz postal postal_code postcode po_box latitude gps gps_lat ip ip_address
    cost cost_old cost_new cost_before cost_price cost_price_old costPriceOld cost_price_net cost_value cost_min cost_amount
    margin margin_new margin_value margin_pct profits lifetime_value ltv supplier_price
    salary salary_2024 salary_new salary_currency salaryAmount base_salary compensation_package stipend earnings income ctc
    commission_rate annual_bonus wage hourly_rate
    note notes notes_1 notes1 note_1 notes_internal notes_html notes_text note_content status_note status_notes internal_notes
    memos annotation observation comment comments remarks feedback_text bio
    password password_new password_plain password_hash pwd pwd_hash pass passphrase secret secret_value_2 client_secret
    webhookSecret api_key apikey2 api_key_value token tokens token_value access_token refreshToken session sessionid session_id
    private_key pin otp cookie authorization jwt dsn connection_string reset_link
    iban IBAN_masked bic swift_code bank_account card_number card_last4 cvc cvv2 credit_card pan
    ssn SSN_last4 socialSecurityNo social_security_number nino passport passport_number passportNo tax_id vat_id
    date_of_birth dob birthday drivers_license diagnosis religion
    ｅｍａｉｌ 𝐞𝐦𝐚𝐢𝐥 EMAİL EMAıL еmаil pаssword ᵉᵐᵃⁱˡ
";

/// Keys whose values stay.
pub(crate) const KEPT: &str = "
    id object type status state name first_name last_name title description message body city country currency amount price total
    subtotal quantity sku created_at updated_at deleted_at occurred_at due_date date timestamp url href version kind category
    tags language locale timezone tenant_id customer_id order_id invoice_number account_number reference
    email_id email_verified email_verified_at emailVerified email_confirmed email_sent email_sent_at emails_sent_count
    email_count email_status email_type email_template email_template_id email_opt_in email_notifications_enabled email_enabled
    email_bounced email_opened_at email_frequency email_preferences email_provider email_campaign_id email_subscribed
    email_format emails_opened
    phone_verified phone_id phone_type phone_country_code phone_verified_at phone_status phone_count phones_count
    address_id address_type address_verified address_count address_status address_validated address_format
    addresses_count shipping_address_id
    password_changed_at password_reset_required password_policy password_expires_at password_length password_strength
    password_updated_at password_enabled password_algorithm has_password is_password_set
    token_type token_count token_expires_at token_expiry token_limit token_usage total_tokens prompt_tokens max_tokens
    completion_tokens secret_version secret_id api_key_id cookie_policy cookie_consent pin_attempts pinned
    has_notes notes_count note_id note_type comment_count comments_count comments_enabled comments_url comment_id feedback_score
    footnote keynote banknote notebook notification denoted
    cost_center cost_center_id costCentre cost_type marginal costume compost accosted
    salary_type bonus_type commission_type profit_center profit_center_id
    passport_country passport_expiry card_type card_brand card_id bank_code bank_name
    session_count sessions_total passenger passed bypass compass hotel telemetry panel company span
    mobile_app_version is_mobile tele mailing_list_id street_count
    paid payment payment_method payment_status payable repay display
    shape tapestry zipped zip_file cellular
";

/// Pairs whose values are removed when both classes are redacted, with the remaining document.
pub(crate) const PAIRS_TAKEN: &[(&str, &str)] = &[
    (r#"{"name":"email","value":"v"}"#, r#"{"name":"email"}"#),
    (r#"{"Name":"E-Mail","Value":"v"}"#, r#"{"Name":"E-Mail"}"#),
    (
        r#"{"name":"work_email","value":{"a":1}}"#,
        r#"{"name":"work_email"}"#,
    ),
    (r#"{"name":"email","values":["v","w"]}"#, r#"{"name":"email"}"#),
    (
        r#"{"key":"phoneNumber","value":"v","id":7}"#,
        r#"{"key":"phoneNumber","id":7}"#,
    ),
    (r#"{"value":"v","key":"api_key"}"#, r#"{"key":"api_key"}"#),
    (r#"{"k":"ssn","v":1}"#, r#"{"k":"ssn"}"#),
    (r#"{"field":"email","old":"v","new":"w"}"#, r#"{"field":"email"}"#),
    (
        r#"{"field":"salary","from":1,"to":2,"by":"usr_1"}"#,
        r#"{"field":"salary","by":"usr_1"}"#,
    ),
    (
        r#"{"fieldName":"birthDate","oldValue":null,"newValue":"v"}"#,
        r#"{"fieldName":"birthDate"}"#,
    ),
    (
        r#"{"field_id":"iban","previous_value":"v","current_value":"w"}"#,
        r#"{"field_id":"iban"}"#,
    ),
    (
        r#"{"field":"email","fromString":"v","toString":"w"}"#,
        r#"{"field":"email"}"#,
    ),
    (
        r#"{"attribute":"email","before":"v","after":"w"}"#,
        r#"{"attribute":"email"}"#,
    ),
    (
        r#"{"op":"replace","path":"/customer/email","value":"v"}"#,
        r#"{"op":"replace","path":"/customer/email"}"#,
    ),
    (
        r#"{"property":"customer.email","value":"v"}"#,
        r#"{"property":"customer.email"}"#,
    ),
    (
        r#"{"type":"email","value":"v","primary":true}"#,
        r#"{"type":"email","primary":true}"#,
    ),
    (r#"{"id":"password","value":"v"}"#, r#"{"id":"password"}"#),
    (r#"{"question":"Email","answer":"v"}"#, r#"{"question":"Email"}"#),
    (
        r#"{"label":"Home address","value":"v"}"#,
        r#"{"label":"Home address"}"#,
    ),
    (
        r#"{"header":"Authorization","value":"v"}"#,
        r#"{"header":"Authorization"}"#,
    ),
    (
        r#"{"column":"cost_price","value":9.50}"#,
        r#"{"column":"cost_price"}"#,
    ),
    (
        r#"{"type":"text","name":"email","value":"v"}"#,
        r#"{"type":"text","name":"email"}"#,
    ),
    (
        r#"{"fields":[{"name":"email","value":"v"},{"name":"plan","value":"pro"}]}"#,
        r#"{"fields":[{"name":"email"},{"name":"plan","value":"pro"}]}"#,
    ),
    (
        r#"{"changes":{"1":{"field":"email","new":"v"}}}"#,
        r#"{"changes":{"1":{"field":"email"}}}"#,
    ),
];

/// Pairs that the dictionary does not take, and objects that only resemble pairs: all of it stays.
pub(crate) const PAIRS_KEPT: &[&str] = &[
    r#"{"name":"plan","value":"pro"}"#,
    r#"{"name":"Anna","value":1}"#,
    r#"{"name":"email_verified","value":true}"#,
    r#"{"name":"email_count","value":3}"#,
    r#"{"name":"address_id","value":"adr_1"}"#,
    r#"{"name":"token_type","value":"bearer"}"#,
    r#"{"name":"passport_country","value":"DE"}"#,
    r#"{"name":"shipping","value":4.90}"#,
    r#"{"key":"customer_id","value":"cus_1"}"#,
    r#"{"key":"status","old":"draft","new":"live"}"#,
    r#"{"field":"status","from":"draft","to":"live"}"#,
    r#"{"field":"updated_at","old":1,"new":2}"#,
    r#"{"op":"replace","path":"/status","value":"live"}"#,
    r#"{"type":"page","value":7}"#,
    r#"{"name":"email"}"#,
    r#"{"name":"email","id":7,"position":1,"required":true}"#,
    r#"{"name":"email","count":3}"#,
    r#"{"name":{"a":"email"},"value":1}"#,
    r#"{"name":7,"value":1}"#,
    r#"{"name":null,"value":1}"#,
    r#"{"names":"email","value":1}"#,
    r#"{"title":"email","value":1}"#,
    r#"{"kinds":["email"],"value":1}"#,
    r#"["email","v"]"#,
    r#"{"from":"email","to":"sms"}"#,
    r#"{"value":"email"}"#,
    r#"{"old":"email","new":"sms","field":"channel"}"#,
];
