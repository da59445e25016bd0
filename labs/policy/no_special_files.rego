# Files that Terraform loads, or takes something from, without being asked to.
package innkeeper.no_special_files

why := {
	"override": "it changes what the other files say",
	"values": "it sets variables that nobody sees",
	"state": "it is a state, or what a run leaves behind",
	"settings": "it tells where providers come from",
	"tests": "init fetches what it names",
}

deny contains {"msg": msg, "file": found.file} if {
	input.branch.is_branch
	some found in input.sources.special
	msg := sprintf("A branch may not have the file %s: %s.", [found.file, why[found.kind]])
}
