# Nobody but those who need it reaches port 22, over IPv4 or IPv6.
package innkeeper.ssh_to_the_world

import data.lib.addresses

# What becomes of a resource is looked up where it is needed: a name for it, or for all of them, would copy it each time.

groups := ["aws_security_group", "aws_default_security_group"]

blocks := ["cidr_blocks", "ipv6_cidr_blocks"]

cidrs := ["cidr_ipv4", "cidr_ipv6"]

# Most rules are for the same few networks. Of those there is something to say of: what.
judged := {network: judgement |
	some network in union({of_groups, of_rules, of_vpc_rules, of_firewalls, of_lists})
	judgement := addresses.judged(network)
}

of_groups := {network |
	some type in groups
	some at in input.plan.by_type[type]
	some rule in input.plan.resource_changes[at].change.after.ingress
	some key in blocks
	some network in rule[key]
}

of_rules := {network |
	some at in input.plan.by_type.aws_security_group_rule
	some key in blocks
	some network in input.plan.resource_changes[at].change.after[key]
}

of_vpc_rules := {network |
	some at in input.plan.by_type.aws_vpc_security_group_ingress_rule
	some key in cidrs
	network := input.plan.resource_changes[at].change.after[key]
}

of_firewalls := {network |
	some at in input.plan.by_type.digitalocean_firewall
	some rule in input.plan.resource_changes[at].change.after.inbound_rule
	some network in rule.source_addresses
}

of_lists := {network |
	some at in input.plan.by_type.aws_ec2_managed_prefix_list
	some entry in input.plan.resource_changes[at].change.after.entry
	network := entry.cidr
}

# An opening: where it is, and the network that reaches port 22 through it. Mostly there is nothing to look for.
openings := [{"at": at, "network": network} |
	count(judged) > 0
	some type in groups
	some at in input.plan.by_type[type]
	some rule in input.plan.resource_changes[at].change.after.ingress
	some key in blocks
	some network in rule[key]
	judged[network]
	not addresses.is_closed(rule, rule.protocol)
]

rule_openings := [{"at": at, "network": network} |
	count(judged) > 0
	some at in input.plan.by_type.aws_security_group_rule
	input.plan.resource_changes[at].change.after.type != "egress"
	rule := input.plan.resource_changes[at].change.after
	not addresses.is_closed(rule, rule.protocol)
	some key in blocks
	some network in input.plan.resource_changes[at].change.after[key]
	judged[network]
]

vpc_openings := [{"at": at, "network": network} |
	count(judged) > 0
	some at in input.plan.by_type.aws_vpc_security_group_ingress_rule
	some key in cidrs
	network := input.plan.resource_changes[at].change.after[key]
	judged[network]
	rule := input.plan.resource_changes[at].change.after
	not addresses.is_closed(rule, rule.ip_protocol)
]

firewall_openings := [{"at": at, "network": network} |
	count(judged) > 0
	some at in input.plan.by_type.digitalocean_firewall
	some rule in input.plan.resource_changes[at].change.after.inbound_rule
	opens_firewall(rule)
	some network in rule.source_addresses
	judged[network]
]

# A list of networks that a rule, of this plan or of a later one, names by its id.
list_openings := [{"at": at, "network": network} |
	count(judged) > 0
	some at in input.plan.by_type.aws_ec2_managed_prefix_list
	some entry in input.plan.resource_changes[at].change.after.entry
	network := entry.cidr
	judged[network]
]

# Rules and lists of which nothing is known yet.
hidden_groups := [{"at": at, "network": addresses.unknown} |
	some type in groups
	some at in input.plan.by_type[type]
	ingress := input.plan.resource_changes[at].change.after.ingress
	is_hidden_ingress(ingress)
]

hidden := [{"at": at, "network": addresses.unknown} |
	some type in ["digitalocean_firewall", "aws_security_group_rule", "aws_ec2_managed_prefix_list"]
	some at in input.plan.by_type[type]
	is_hidden(input.plan.resource_changes[at].change.after)
]

is_hidden_ingress(ingress) if {
	ingress == addresses.unknown
}

is_hidden_ingress(ingress) if {
	addresses.unknown in ingress
}

is_hidden_ingress(ingress) if {
	some rule in ingress
	some key in blocks
	rule[key] == addresses.unknown
	not addresses.is_closed(rule, rule.protocol)
}

is_hidden(after) if {
	some key in ["inbound_rule", "entry"]
	after[key] == addresses.unknown
}

is_hidden(after) if {
	some key in ["inbound_rule", "entry"]
	addresses.unknown in after[key]
}

is_hidden(after) if {
	some rule in after.inbound_rule
	rule.source_addresses == addresses.unknown
	opens_firewall(rule)
}

is_hidden(after) if {
	after.type != "egress"
	some key in blocks
	after[key] == addresses.unknown
	not addresses.is_closed(after, after.protocol)
}

noted := array.concat(
	array.concat(openings, array.concat(rule_openings, vpc_openings)),
	array.concat(firewall_openings, array.concat(list_openings, array.concat(hidden_groups, hidden))),
)

# What is not known is judged as such.
is_of(opening, judgement) if {
	judged[opening.network] == judgement
}

is_of(opening, "unknown") if {
	opening.network == addresses.unknown
}

opens_firewall(rule) if {
	not rule.protocol in ["udp", "icmp"]
	addresses.has_ssh(object.get(rule, "port_range", "all"))
}

worldwide := [{"msg": msg, "address": address} |
	some opening in noted
	is_of(opening, "world")
	address := input.plan.resource_changes[opening.at].address
	msg := sprintf("%s opens ssh to the world: %s.", [address, opening.network])
]

untold := [{"msg": msg, "address": address, "overridable": true} |
	some opening in noted
	is_of(opening, "unknown")
	address := input.plan.resource_changes[opening.at].address
	msg := sprintf("There is no telling yet to whom %s opens ssh.", [address])
]

# A droplet without a firewall is reached on every port.
unguarded := [{"msg": msg, "address": address, "overridable": true} |
	count([at | some at in input.plan.by_type.digitalocean_firewall; input.plan.resource_changes[at].change.after]) == 0
	some at in input.plan.by_type.digitalocean_droplet
	input.plan.resource_changes[at].change.after
	address := input.plan.resource_changes[at].address
	msg := sprintf("%s has no firewall beside it, so ssh is open to the world.", [address])
]

deny := array.concat(worldwide, array.concat(untold, unguarded))

warn := [{"msg": msg, "address": address} |
	some opening in noted
	is_of(opening, "wide")
	address := input.plan.resource_changes[opening.at].address
	msg := sprintf("%s opens ssh to %s.", [address, opening.network])
]
