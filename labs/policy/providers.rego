# A provider is a program that runs on Innkeeper's host, with the lab's credentials.
package innkeeper.providers

known := object.get(input.config, "providers", [])

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	some found in input.sources.providers
	not found.source in known
	msg := sprintf("The provider %s is not in providers of config.yaml.", [found.source])
}

deny contains {"msg": msg} if {
	some provider in input.plan.providers
	not provider in known
	msg := sprintf("The plan needs the provider %s, which is not in providers of config.yaml.", [provider])
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.provider_blocks
	some argument in found.arguments
	not argument in object.get(input.config, "provider_arguments", [])
	msg := sprintf("A branch may not set %s of the provider %s.", [argument, found.name])
}
