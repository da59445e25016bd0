# A symbolic link may lead anywhere, and elsewhere tomorrow.
package innkeeper.no_links

deny contains {"msg": msg, "file": found.file} if {
	input.branch.is_branch
	some found in input.sources.links
	msg := sprintf("A branch may not have symbolic links: %s leads to %s.", [found.file, found.target])
}
