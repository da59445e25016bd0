# Data sources and ephemeral resources are read while a plan is made, before anybody has approved it.
package innkeeper.data_sources

never := {
	"external": "runs a program on Innkeeper's host",
	"http": "sends requests from Innkeeper's host",
	"terraform_remote_state": "reads another state",
	"local_file": "reads files of Innkeeper's host",
	"local_sensitive_file": "reads files of Innkeeper's host",
	"archive_file": "reads files of Innkeeper's host",
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.data
	why := never[found.type]
	msg := sprintf("A branch may not read data %s.%s: it %s.", [found.type, found.name, why])
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.data
	not never[found.type]
	not found.type in object.get(input.config, "data_sources", [])
	msg := sprintf("A branch may not read data %s.%s: it is not in data_sources of config.yaml.", [found.type, found.name])
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.ephemeral
	not found.type in object.get(input.config, "ephemeral_resources", [])
	msg := sprintf("A branch may not open ephemeral %s.%s: it is not in ephemeral_resources of config.yaml.", [found.type, found.name])
}
