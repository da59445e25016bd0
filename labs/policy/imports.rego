# What is imported was made elsewhere, and a destruction of the lab would end it.
package innkeeper.imports

of_sources := [{"msg": msg, "file": found.file, "line": found.line} |
	input.branch.is_branch
	some found in input.sources.imports
	msg := sprintf("It takes over what was made elsewhere: %s. Destroying the lab would destroy that, too.", [found.to])
]

of_plan := [{"msg": msg, "address": input.plan.resource_changes[at].address} |
	some at in input.plan.importing
	msg := sprintf("%s was made elsewhere, and is taken over. Destroying the lab would destroy it, too.", [input.plan.resource_changes[at].address])
]

warn := array.concat(of_sources, of_plan)
