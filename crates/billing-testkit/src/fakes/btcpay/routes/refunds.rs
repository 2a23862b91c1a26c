//! Refunds: a promise with a link, and what the buyer claims of it. Knows no socket.

use billing_domain::time::Timestamp;
use serde_json::{Value, json};

use super::{Call, Replied, not_valid, unknown};
use crate::fakes::btcpay::decimal::{Decimal, SATOSHI};
use crate::fakes::btcpay::life::can_refund;
use crate::fakes::btcpay::refusal::Refusal;
use crate::fakes::btcpay::render::{self, digits, worth};
use crate::fakes::btcpay::things::{AdditionalStatus, Invoice, InvoiceStatus, Payout, PullPayment};
use crate::fakes::btcpay::world::World;

const REFUND: &str = "btcpay.store.cancreatenonapprovedpullpayments";
const APPROVE: &str = "btcpay.store.cancreatepullpayments";
const VIEW: &str = "btcpay.store.canviewpullpayments";

impl World {
    /// `POST …/invoices/{id}/refund`.
    pub(super) fn refund(&mut self, call: &Call<'_>, id: &str) -> Replied {
        if !self.may(APPROVE) {
            self.needs(REFUND)?;
        }
        let invoice = self.invoice(id)?.clone();
        if !can_refund(&invoice) {
            let message = "Cannot refund this invoice";
            return Err(Refusal::bad("non-refundable", message));
        }
        let (currency, amount, approves) = self.promised(&invoice, &call.body)?;
        let amount = less(amount, &call.body, digits(&currency))?;
        let text = |field: &str| call.body.get(field).and_then(Value::as_str);
        let name = text("name").map_or_else(|| format!("Refund {id}"), str::to_owned);
        let pull = PullPayment {
            id: self.id(),
            invoice_id: id.to_owned(),
            name,
            description: text("description").unwrap_or_default().to_owned(),
            currency,
            amount,
            approves: approves && self.may(APPROVE),
            archived: false,
            starts: call.now,
            payout: None,
            canceled: Vec::new(),
        };
        let answer = render::pull(&pull, call.base);
        self.pulls.insert(pull.id.clone(), pull);
        self.tell("InvoiceRefund", id, json!({}), call.now);
        Ok(answer)
    }

    /// `GET /pull-payments/{id}`, which asks for no key: whoever has the link may look.
    pub(super) fn pull_payments(&mut self, call: &Call<'_>, rest: &[&str]) -> Replied {
        let [id, rest @ ..] = rest else {
            return Err(unknown());
        };
        let pull = self.pulls.get(*id).ok_or_else(gone)?;
        match (call.method, rest) {
            ("GET", []) => Ok(render::pull(pull, call.base)),
            ("GET", ["payouts"]) => {
                let canceled = call.one("includeCancelled") == Some("true");
                Ok(render::payouts(pull, canceled))
            }
            _ => Err(unknown()),
        }
    }

    /// `GET /stores/{id}/pull-payments`.
    pub(super) fn pulls_of_store(&self, call: &Call<'_>) -> Replied {
        self.needs(VIEW)?;
        let archived = call.one("includeArchived") == Some("true");
        let pulls = self
            .pulls
            .values()
            .filter(|pull| archived || !pull.archived);
        Ok(pulls.map(|pull| render::pull(pull, call.base)).collect())
    }

    /// A person closes a pull payment, which cancels what waits of it.
    pub(in crate::fakes::btcpay) fn archive_promise(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.pulls.get_mut(id).ok_or_else(gone)?.archived = true;
        self.cancel_claim(id, now)
    }

    /// A person cancels what was claimed of a pull payment and is not sent yet, if
    /// anything is: it can be claimed anew.
    pub(in crate::fakes::btcpay) fn cancel_claim(
        &mut self,
        id: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let pull = self.pulls.get_mut(id).ok_or_else(gone)?;
        let Some(canceled) = pull.payout.take_if(|payout| !payout.sent) else {
            return Ok(());
        };
        let payout = canceled.id.clone();
        pull.canceled.push(canceled);
        let told = json!({
            "type": "PayoutUpdated", "storeId": self.store_id, "payoutId": payout,
            "payoutState": "Cancelled", "pullPaymentId": id,
        });
        self.post("PayoutUpdated", &told, now);
        Ok(())
    }

    /// The buyer claims a pull payment, or a person sends what waits for a word:
    /// whether it was sent.
    pub(in crate::fakes::btcpay) fn claim(
        &mut self,
        id: &str,
        approved: bool,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let pull = self.pulls.get(id).ok_or_else(gone)?;
        if pull.archived {
            return Err(Refusal::bad("archived", "The pull payment is archived"));
        }
        let before = pull.canceled.len().saturating_add(self.pulls.len());
        let payout_id = before.to_string();
        let sats = self.satoshi(pull)?;
        let pull = self.pulls.get_mut(id).ok_or_else(gone)?;
        let sent = pull.approves || approved;
        let mut tells = Vec::new();
        let payout = match &mut pull.payout {
            Some(payout) if payout.sent => {
                return Err(Refusal::bad("overdraft", "This pull payment is drained"));
            }
            Some(payout) => {
                payout.sent = sent;
                payout.id.clone()
            }
            None => {
                let payout = format!("{id}{payout_id}");
                pull.payout = Some(Payout {
                    id: payout.clone(),
                    at: now,
                    sats,
                    sent,
                });
                tells.push(("PayoutCreated", "AwaitingApproval"));
                payout
            }
        };
        if sent {
            tells.push(("PayoutApproved", "AwaitingPayment"));
            tells.push(("PayoutUpdated", "Completed"));
        }
        for (kind, state) in tells {
            let told = json!({
                "type": kind, "storeId": self.store_id, "payoutId": payout,
                "payoutState": state, "pullPaymentId": id,
            });
            self.post(kind, &told, now);
        }
        Ok(sent)
    }

    fn satoshi(&self, pull: &PullPayment) -> Result<i128, Refusal> {
        let rate = self.rules.rates.get(&pull.currency);
        let unknown = || Refusal::bad("rate-unavailable", "Rate unavailable");
        Ok(pull.amount.in_satoshi(*rate.ok_or_else(unknown)?))
    }

    /// Currency, amount, and whether a claim of it needs no person's word.
    fn promised(
        &self,
        invoice: &Invoice,
        body: &Value,
    ) -> Result<(String, Decimal, bool), Refusal> {
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        let variant = text("refundVariant");
        let custom = variant == Some("Custom");
        for field in ["customAmount", "customCurrency"] {
            if !custom && body.get(field).is_some_and(|value| !value.is_null()) {
                let message = "should only be set if the refundVariant is Custom";
                return Err(Refusal::field(field, message));
            }
        }
        let marked = invoice.status == InvoiceStatus::Settled
            && invoice.additional == AdditionalStatus::Marked;
        let paid = match invoice.paid() {
            // Marked without a payment: taken as paid in full.
            0 if marked => invoice.due(),
            paid => paid,
        };
        let bitcoin = "BTC".to_owned();
        match variant {
            Some("RateThen") => Ok((bitcoin, Decimal::bitcoin(paid), true)),
            Some("CurrentRate") => {
                let rate = self.rules.rates.get(&invoice.currency);
                let unknown = || Refusal::generic("Failed to fetch rate");
                let sats = worth(invoice, paid).in_satoshi(*rate.ok_or_else(unknown)?);
                Ok((bitcoin, Decimal::bitcoin(sats), true))
            }
            Some("Fiat") => Ok((invoice.currency.clone(), worth(invoice, paid), false)),
            Some("OverpaidAmount") => {
                if invoice.additional != AdditionalStatus::PaidOver {
                    return Err(Refusal::field("refundVariant", "Invoice is not overpaid"));
                }
                let over = paid.saturating_sub(invoice.due());
                Ok((bitcoin, Decimal::bitcoin(over), true))
            }
            Some("Custom") => {
                let amount = body.get("customAmount").and_then(Decimal::read);
                let wrong = || Refusal::field("customAmount", "Amount must be greater than 0");
                let amount = amount
                    .filter(|amount| amount.units() > 0)
                    .ok_or_else(wrong)?;
                let currency = text("customCurrency")
                    .unwrap_or_default()
                    .to_ascii_uppercase();
                if !self.rules.rates.contains_key(&currency) {
                    return Err(Refusal::field("customCurrency", "Invalid currency"));
                }
                let approves = currency == "BTC";
                Ok((currency, amount, approves))
            }
            Some(other) => Err(not_valid("refundVariant", other)),
            None => {
                let message = "`refundVariant` is mandatory";
                Err(Refusal::field("refundVariant", message))
            }
        }
    }
}

fn gone() -> Refusal {
    Refusal::new(
        404,
        "pullpayment-not-found",
        "The pull payment was not found",
    )
}

/// The amount less `subtractPercentage`.
fn less(amount: Decimal, body: &Value, digits: u32) -> Result<Decimal, Refusal> {
    let percent = match body.get("subtractPercentage") {
        None | Some(Value::Null) => return Ok(amount),
        Some(value) => value,
    };
    let wrong = || {
        let message = "Percentage must be a numeric value between 0 and 100";
        Refusal::field("subtractPercentage", message)
    };
    let hundredths = Decimal::read(percent).ok_or_else(wrong)?.hundredths();
    if !(0..=10_000).contains(&hundredths) {
        return Err(wrong());
    }
    // A share of the amount, as so many of "a bitcoin" that costs the amount.
    let kept = 10_000_i128.saturating_sub(hundredths);
    let share = kept.saturating_mul(SATOSHI.div_euclid(10_000));
    Ok(Decimal::of_satoshi(share, amount, digits))
}
