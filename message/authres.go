package message

func (f *Facts) gatherAuthRes() { f.AuthRes = []*AuthRes{} }
