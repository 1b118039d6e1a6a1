"""The only speaker of Stripe: calls, their pace, what they carry and what their failures mean. No SQL, no decisions."""
