"""flybill: compiles usage, prices it, finalizes one invoice per organization and month, syncs it to Stripe just once.

The layers, top to bottom; a module imports only from lower rows, and names on one row are strangers:

    cli                                  what a person types
    questions, answers, console …        what a person asks, and how it is shown
    runs | serving                       Dagster's jobs in this process | Dagster's UI behind a guard
    definitions                          what Dagster loads
    wiring                               chooses the real stores, gateway, clock and channels
    local                                embedded Postgres and Stripe emulator, for one machine
    settings                             the only reader of the environment
    defs                                 Dagster and nothing but Dagster
    steps | stores | stripe_gateway      one verb a file | facts at rest | the only speaker of Stripe
          | notifiers                    … | channels that bring alerts to people
    billing                              pure: prices, months, money
    stripe_emulator                      a stand-in Stripe; shares nothing with the rest

No code belongs in this file.
"""
