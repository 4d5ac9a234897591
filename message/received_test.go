package message

import (
	"net/netip"
	"testing"
	"time"
)

// TestParseReceived has one field of each kind of server. Names and addresses
// are made up in the shape that each server writes.
func TestParseReceived(t *testing.T) {
	for _, tt := range []struct {
		name, value, helo, ip, by, tls string
	}{
		{"Postfix", "from mail.example.com (out.example.com [192.0.2.10]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)) (No client certificate requested) by mx.rcpt.example (Postfix) with ESMTPS id 4XyZ for <r@rcpt.example>; Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "yes"},
		{"Postfix without PTR or TLS", "from friend (unknown [192.0.2.10]) by mx.rcpt.example (Postfix) with ESMTP id 4X; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)",
			"friend", "192.0.2.10", "mx.rcpt.example", "no"},
		{"Postfix, IPv6", "from mail.example.com (out.example.com [IPv6:2001:db8::10]) by mx.rcpt.example (Postfix) with UTF8SMTPS id 4X; Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "2001:db8::10", "mx.rcpt.example", "yes"},
		{"Postfix, a literal as name", "from [10.1.2.3] (unknown [192.0.2.10]) by mx.rcpt.example (Postfix) with ESMTPSA id 4X; Tue, 14 Nov 2023 22:13:20 +0000",
			"[10.1.2.3]", "192.0.2.10", "mx.rcpt.example", "yes"},
		{"Exim", "from out.example.com ([192.0.2.10] helo=mail.example.com) by mx.rcpt.example with esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96) (envelope-from <a@example.com>) id 1r2-0001; Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "yes"},
		{"Exim, name as PTR", "from mail.example.com ([192.0.2.10]:41234) by mx.rcpt.example with esmtp (Exim 4.96) id 1r2; Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "no"},
		{"Exim, no PTR", "from [192.0.2.10] (helo=[10.0.0.1]) by mx.rcpt.example with esmtp (Exim 4.96) id 1r2; Tue, 14 Nov 2023 22:13:20 +0000",
			"[10.0.0.1]", "192.0.2.10", "mx.rcpt.example", "no"},
		{"Exchange", "from mail.example.com (192.0.2.10) by AM6EUR05FT.mail.protection.outlook.com (10.233.241.1) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.6977.31 via Frontend Transport; Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "192.0.2.10", "AM6EUR05FT.mail.protection.outlook.com", "yes"},
		{"Google", "from mail.example.com (mail.example.com. [192.0.2.10]) by mx.google.com with ESMTPS id a1 for <r@gmail.example> (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256); Tue, 14 Nov 2023 14:13:20 -0800 (PST)",
			"mail.example.com", "192.0.2.10", "mx.google.com", "yes"},
		{"Google, inside", "by 2002:a05:6a10:1234:b0:500:aaaa:bbbb with SMTP id x12; Tue, 14 Nov 2023 14:13:20 -0800 (PST)",
			"", "", "2002:a05:6a10:1234:b0:500:aaaa:bbbb", "no"},
		{"qmail", "from unknown (HELO mail.example.com) (192.0.2.10) by mx.rcpt.example with SMTP; 14 Nov 2023 22:13:20 -0000",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "no"},
		{"qmail with ident and TLS", "from out.example.com (HELO mail.example.com) (user@192.0.2.10) by mx.rcpt.example with (ECDHE-RSA-AES256-GCM-SHA384 encrypted) SMTP; 14 Nov 2023 22:13:20 -0000",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "yes"},
		{"Sendmail", "from mail.example.com (out.example.com [192.0.2.10] (may be forged)) by mx.rcpt.example (8.15.2/8.15.2) with ESMTPS id 3AEMDKx for <r@rcpt.example>; Tue, 14 Nov 2023 22:13:20 GMT",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "yes"},
		{"Sendmail, IPv4 in IPv6", "from mail.example.com ([IPv6:::ffff:192.0.2.10]) by mx.rcpt.example (8.15.2/8.15.2) with ESMTP id 3A; Tue, 14 Nov 2023 22:13:20 GMT",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "no"},
		{"Courier", "from mail.example.com (out.example.com [::ffff:192.0.2.10]) (TLS: TLSv1.3,256bits,TLS_AES_256_GCM_SHA384) by mx.rcpt.example with ESMTPS; Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "192.0.2.10", "mx.rcpt.example", "yes"},
		{"Yahoo", "from 192.0.2.10 (EHLO mail.example.com) by 10.197.37.1 with SMTPs (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256); Tue, 14 Nov 2023 22:13:20 +0000",
			"mail.example.com", "192.0.2.10", "10.197.37.1", "yes"},
		{"a client named like TLS", "from TLSv1.3 (out.example.com [192.0.2.10]) by mx.rcpt.example with SMTP id 1; Tue, 14 Nov 2023 22:13:20 +0000",
			"TLSv1.3", "192.0.2.10", "mx.rcpt.example", "no"},
		{"a client named by", "from by (out.example.com [192.0.2.10]) by mx.rcpt.example with SMTP id 1; Tue, 14 Nov 2023 22:13:20 +0000",
			"by", "192.0.2.10", "mx.rcpt.example", "no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := parseReceived(tt.value)
			var ip netip.Addr
			if tt.ip != "" {
				ip = netip.MustParseAddr(tt.ip)
			}
			if h.HELO != tt.helo || h.IP != ip || h.By != tt.by || h.TLS != tt.tls {
				t.Errorf("got helo %q, ip %s, by %q, tls %s (with %q); want %q, %s, %q, %s", h.HELO, h.IP, h.By, h.TLS, h.With, tt.helo, ip, tt.by, tt.tls)
			}
			if want := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC); h.At == nil || !h.At.Equal(want) {
				t.Errorf("got time %v, want %v", h.At, want)
			}
		})
	}
	for _, odd := range []string{"", ";", "from", "from (", "from ((((", "by", "from x (y [", "\x00\xff; \xff", "from [ (helo= ) by ; not a date"} {
		parseReceived(odd)
	}
}
