# A lab that costs more than the ceiling needs infra and security to agree on that.
package innkeeper.cost_ceiling

ceiling := object.get(input.config, "cost", {"per_hour_cents": 0, "currency": "USD"})

deny contains {"msg": msg, "overridable": true} if {
	input.kind != "destroy"
	input.cost.currency == ceiling.currency
	input.cost.per_hour_cents > ceiling.per_hour_cents
	msg := sprintf("The lab costs %v cents an hour, and the ceiling is %v.", [input.cost.per_hour_cents, ceiling.per_hour_cents])
}

deny contains {"msg": msg, "overridable": true} if {
	input.kind != "destroy"
	input.cost.per_hour_cents > 0
	input.cost.currency != ceiling.currency
	msg := sprintf("The lab's price is in %s, and the ceiling is in %s.", [input.cost.currency, ceiling.currency])
}

# What something costs may be left out of a blueprint: then it is added up from the plan, if all of it has a price.
is_unpriced if {
	input.stage == "plan"
	input.kind != "destroy"
	not is_number(input.cost.per_hour_cents)
}

deny contains {"msg": "Nobody knows what the lab costs.", "overridable": true} if {
	is_unpriced
	input.branch.is_branch
}

warn contains {"msg": "Nobody knows what the lab costs."} if {
	is_unpriced
	not input.branch.is_branch
}
