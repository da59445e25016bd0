# Everything is tagged after its lab and its owner, so that it is found when a state is lost, and in the bill.
package innkeeper.required_tags

required := {key | some key in input.config.tags.aws}

# Of what can carry tags, the AWS provider plans tags_all.
lacking := [at |
	some tagged in input.plan.tags_all
	not has_all(tagged.tags_all)
	some at in tagged.at
	startswith(input.plan.resource_changes[at].type, "aws_")
]

has_all(tags) if {
	is_object(tags)
	count(required - object.keys(tags)) == 0
}

aws := [{"msg": msg, "address": input.plan.resource_changes[at].address, "overridable": true} |
	some at in lacking
	tags := input.plan.resource_changes[at].change.after.tags_all
	is_object(tags)
	some key in required
	not tags[key]
	msg := sprintf("%s lacks the tag %s.", [input.plan.resource_changes[at].address, key])
]

digitalocean := [{"msg": msg, "address": change.address, "overridable": true} |
	some type in ["digitalocean_droplet", "digitalocean_volume", "digitalocean_database_cluster", "digitalocean_kubernetes_cluster"]
	some at in input.plan.by_type[type]
	change := input.plan.resource_changes[at]
	change.change.after
	tags := object.get(change.change.after, "tags", [])
	some tag in input.config.tags.digitalocean
	not tag in tags
	msg := sprintf("%s lacks the tag %s.", [change.address, tag])
]

deny := array.concat(aws, digitalocean)

warn := [{"msg": msg, "address": input.plan.resource_changes[at].address} |
	some at in lacking
	not is_object(input.plan.resource_changes[at].change.after.tags_all)
	msg := sprintf("The tags of %s are known only when it is made.", [input.plan.resource_changes[at].address])
]
