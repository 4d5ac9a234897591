package message

func (f *Facts) gatherBulk() {}
