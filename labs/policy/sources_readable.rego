# A branch whose sources cannot be read for certain is not planned: what they do could not be told.
package innkeeper.sources_readable

deny contains {"msg": msg, "file": problem.file, "line": problem.line} if {
	input.branch.is_branch
	some problem in input.sources.problems
	msg := sprintf("The sources cannot be read for certain: %s.", [problem.problem])
}

deny contains {"msg": msg, "file": block.file, "line": block.line} if {
	input.branch.is_branch
	some block in input.sources.blocks
	msg := sprintf("A block %s is not known to the guardrails.", [block.type])
}
