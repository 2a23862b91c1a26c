//! Stripe as a payment provider: client, wire shapes, webhooks.
