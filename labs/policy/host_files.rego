# While it plans, Terraform reads whatever file a function names, Innkeeper's own secrets included.
package innkeeper.host_files

reading := {
	"file", "filebase64", "filebase64sha256", "filebase64sha512", "fileexists", "filemd5", "fileset",
	"filesha1", "filesha256", "filesha512", "templatefile", "templatestring",
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.reads
	not found.inside
	msg := sprintf("A branch may read only files of its own module, by a path that is written out: %s.", [found.call])
}

deny contains {"msg": msg, "file": found.file, "line": found.line} if {
	input.branch.is_branch
	some found in input.sources.functions
	not found.name in reading
	not found.name in split(object.get(input.config, "functions", ""), " ")
	msg := sprintf("A branch may not call %s(): it is not in functions of config.yaml.", [found.name])
}

# Resources that send a file of the host away when they are made.
sends := {
	"aws_lambda_function": "filename",
	"aws_lambda_layer_version": "filename",
	"aws_s3_bucket_object": "source",
	"aws_s3_object": "source",
	"aws_synthetics_canary": "zip_file",
	"digitalocean_spaces_bucket_object": "source",
}

deny contains {"msg": msg, "address": change.address} if {
	input.branch.is_branch
	some type, attribute in sends
	some at in input.plan.by_type[type]
	change := input.plan.resource_changes[at]
	path := change.change.after[attribute]
	not inside(path)
	msg := sprintf("%s would send a file of Innkeeper's host away: %s.", [change.address, path])
}

inside(path) if {
	regex.match(`^[A-Za-z0-9_][A-Za-z0-9_./-]*$`, path)
	not contains(path, "..")
}
