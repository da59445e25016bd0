# Labs stand where the team may keep them.
package innkeeper.regions

known := object.get(input.config, "regions", [])

unknown := "(known after apply)"

elsewhere := [{"msg": msg} |
	some provider in input.plan.provider_regions
	provider.region
	not provider.region in known
	msg := sprintf("The provider %s works in %s, which is not in regions of config.yaml.", [provider.provider, provider.region])
]

untold := [{"msg": msg, "overridable": true} |
	some provider in input.plan.provider_regions
	not provider.region
	msg := sprintf("There is no telling in which region the provider %s works: write it out, or as var.NAME.", [provider.provider])
]

placed := [{"msg": msg, "address": place.address} |
	some place in input.plan.regions
	place.region != unknown
	not place.region in known
	msg := sprintf("%s stands in %s, which is not in regions of config.yaml.", [place.address, place.region])
]

deny := array.concat(elsewhere, array.concat(untold, placed))

# What may be put elsewhere than where the provider works, and does not say where before it is made.
warn := [{"msg": msg, "address": change.address} |
	some type in ["digitalocean_droplet", "digitalocean_volume", "digitalocean_database_cluster"]
	some at in input.plan.by_type[type]
	change := input.plan.resource_changes[at]
	change.change.after.region == unknown
	msg := sprintf("Where %s stands is known only when it is made.", [change.address])
]
