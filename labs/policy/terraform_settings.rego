# Where the state is kept, and with what Terraform works, is not a branch's to say.
package innkeeper.terraform_settings

allowed := {"required_version", "required_providers"}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.settings
	not found.name in allowed
	msg := sprintf("A branch may not have %s in its terraform block.", [found.name])
}
