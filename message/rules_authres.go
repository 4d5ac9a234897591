package message

var authresRules []rule
