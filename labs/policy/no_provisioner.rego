# Provisioners run commands on Innkeeper's host, or on the lab's with its keys.
package innkeeper.no_provisioner

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.provisioners
	msg := sprintf("A branch may not run a provisioner: %s of %s.", [found.kind, found.of])
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.connections
	msg := sprintf("A branch may not open a connection: it is in %s.", [found.of])
}
