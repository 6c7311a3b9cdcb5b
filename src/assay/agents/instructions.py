"""What a program that connects is told about this server, before it calls anything."""

INSTRUCTIONS = """\
Assay searches the parameters of trading strategies on historical bars, and then tests whether what it found is more \
than chance. Most searches find nothing that is believed; that is a result, and it saves capital.

How to use it honestly:
1. list_markets, list_strategies and describe_strategy say what there is. market_quality says whether bars are good \
enough.
2. Decide what you want to know before you look at any result. estimate_training says how long it takes, which edges \
it could find at all, and what this try costs; campaign says what was tried on these days already.
3. start_training begins; training_status with wait_s waits for its end. training_results and verdict say what was \
found and how far it may be believed.
4. Report the stage, p_adjusted and the number of tries together, always. A number in sample, or the best of several \
trainings without its p_adjusted, is no evidence.

What you cannot do, on purpose:
- Try without being counted. Whatever judges parameters on bars is a training, every training is written into a ledger \
that nobody can rewrite, and all tries on the same days count together, whoever made them. p_adjusted is p with all of \
them counted in. Each further try raises the bar for every result on these days, the earlier ones too. There is no \
backtest of parameters of your choice, because it would be a search that nobody counts.
- Look at the holdout. The newest fifth of the days is sealed. A training opens it by itself, once, when every other \
test of the highest stage is passed; no tool shows or opens it before.

When a training is not promoted, why_not_promoted names the cheapest next step. "Try other settings until it passes" \
is never one: new days, another market, or a better idea are. Stages: PAPER (nothing is proven), DISCOVERY, \
VALIDATION, MATURE.

Errors have one shape: code, message, field, rule, value, hint. The hint is the way out.
"""
