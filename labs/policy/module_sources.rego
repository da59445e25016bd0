# A module from elsewhere is fetched by `init`, and nobody has seen what is in it.
package innkeeper.module_sources

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.modules
	not found.inside
	msg := sprintf("A branch may call only modules of its own repository: %s is from %s.", [found.name, found.source])
}
