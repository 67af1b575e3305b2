package sdk

// AtEnd is what the end of the input means to a transform, as the key of its config
// that says so; "" if nothing does.
type AtEnd struct {
	Only   string // the step gives nothing before the end
	Closes string // the end closes what later runs might add to, and the config does not say whether it is to
}

// ending wires what is known of the end of an input, and of what comes too late.
func (s Spec[C]) ending(p *Plugin) {
	text := func(f func(*C) string) func([]byte) string {
		return func(config []byte) string {
			if c, problems := s.decode(config); f != nil && Usable(problems) {
				return f(c)
			}
			return ""
		}
	}
	if s.MayBeLate != nil {
		p.MayBeLate = func(config []byte) bool {
			c, problems := s.decode(config)
			return Usable(problems) && s.MayBeLate(c)
		}
	}
	p.Endless, p.Grows = text(s.Endless), text(s.Grows)
	p.AtEnd = func(config []byte) AtEnd {
		if c, problems := s.decode(config); s.AtEnd != nil && Usable(problems) {
			return s.AtEnd(c)
		}
		return AtEnd{}
	}
}
