package message

var formatRules []rule
