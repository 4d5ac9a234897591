package message

var bulkRules []rule
