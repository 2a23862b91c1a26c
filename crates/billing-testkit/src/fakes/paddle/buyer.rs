//! What a checkout asks a stranger for: an address to write to, and one to be taxed
//! at. Knows no money.

use billing_domain::time::Timestamp;

use super::refusal::Refusal;
use super::things::{Address, Customer, TransactionStatus};
use super::world::World;

impl World {
    /// The buyer types an address in the checkout of a transaction, which asks for
    /// one where it is nobody's yet.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when there is no such transaction, or it asks for nothing.
    pub fn give_email(&mut self, id: &str, email: &str) -> Result<(), Refusal> {
        let transaction = self.transaction(id)?;
        if transaction.status != TransactionStatus::Draft || transaction.customer_id.is_some() {
            let code = "transaction_not_ready_cannot_process_payment";
            return Err(Refusal::bad(code, "transaction asks for no address"));
        }
        if let Some(transaction) = self.transactions.get_mut(id) {
            transaction.given_email = Some(email.to_owned());
        }
        Ok(())
    }

    /// Fills in what the checkout asks a stranger for.
    pub(super) fn fill(&mut self, id: &str, now: Timestamp) {
        let Some(transaction) = self.transactions.get(id) else {
            return;
        };
        let known = transaction.customer_id.clone();
        let typed = transaction.given_email.clone();
        let customer_id = known.unwrap_or_else(|| {
            let email = typed.unwrap_or_else(|| format!("{id}@buyers.example.com"));
            self.customer_of(&email, now)
        });
        let address_id = self.id("add");
        let address = Address {
            id: address_id.clone(),
            customer_id: customer_id.clone(),
            country_code: "US".to_owned(),
            postal_code: Some("10021".to_owned()),
            created_at: now,
        };
        self.addresses.insert(address_id.clone(), address);
        self.with_transaction(id, now, |transaction| {
            transaction.customer_id = Some(customer_id);
            transaction.address_id.get_or_insert(address_id);
        });
        self.make_ready(id, now);
    }

    /// Whom an address belongs to: there is one customer of each.
    fn customer_of(&mut self, email: &str, now: Timestamp) -> String {
        let mut held = self.customers.values();
        let held = held.find(|customer| customer.email.eq_ignore_ascii_case(email));
        if let Some(held) = held {
            return held.id.clone();
        }
        let id = self.id("ctm");
        let customer = Customer {
            id: id.clone(),
            email: email.to_owned(),
            name: None,
            locale: "en".to_owned(),
            active: true,
            custom_data: serde_json::Value::Null,
            created_at: now,
            updated_at: now,
        };
        self.customers.insert(id.clone(), customer);
        id
    }
}
